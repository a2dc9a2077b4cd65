#pragma once

#include "webfront/json.h"
#include "zebu/error.h"
#include "zebu/job.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

// The events of one job as text/event-stream (WHATWG HTML, 9.2). docs/http-api.md describes them.
namespace zebu::webfront::api {

// What a reader has: all that the broker said of a job up to here. Any front end goes on from it.
struct EventPlace {
  JobState state = JobState::queued;
  std::uint32_t attempt = 0;
  std::uint64_t number = 0;  // of the newest report of progress in this attempt
  std::uint64_t end = 0;     // of the output that the reader has of it

  bool operator==(const EventPlace&) const = default;
};

// "running-2-17-4096". nullopt: this is not one.
//
// If you change this: a reader that reconnects over an upgrade begins anew.
[[nodiscard]] std::string event_id(const EventPlace& place);
[[nodiscard]] std::optional<EventPlace> parse_event_id(std::string_view text);

// Makes events of what the broker says, and leaves out what the reader has. Each function appends to `to` what is new.
class JobEvents {
 public:
  // last: what the reader has; nullopt: nothing.
  JobEvents(const JobId& id, bool is_private, std::optional<EventPlace> last)
      : id_(id.to_string()), is_private_(is_private), place_(last.value_or(EventPlace{})), is_told_(last.has_value()) {}

  // A state that is not final. Of a final one tells add_outcome().
  void add_state(std::string& to, JobState state, std::uint32_t attempt);
  void add_progress(std::string& to, std::uint32_t attempt, const Progress& progress);
  // body: as json::outcome_body makes it. attempt: nullopt: nobody has said in which one it ended.
  void add_outcome(std::string& to, JobState state, std::optional<std::uint32_t> attempt, std::string_view body);
  // The broker is away; that is said once. Whatever state it tells next is told again.
  void add_disconnected(std::string& to, const Error& why);
  // The stream ends without an outcome. document: a problem.
  static void add_gone(std::string& to, std::string_view document);

  [[nodiscard]] const EventPlace& place() const { return place_; }

 private:
  void add(std::string& to, std::string_view name, std::string_view data) const;

  std::string id_;
  bool is_private_;
  EventPlace place_;
  bool is_told_;  // the reader has place_.state
};

}  // namespace zebu::webfront::api
