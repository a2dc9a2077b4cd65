#pragma once

#include "zebu/client_session.h"
#include "zebu/convert.h"

#include <filesystem>
#include <optional>
#include <random>
#include <string>
#include <vector>

// What the programs of the crash test write down for each other, in lines of text. A line is written with one write(),
// so that kill -9 loses none that was begun; a line that was cut all the same is passed over by who reads it.
namespace zebu::crash {

// plain: runs and succeeds. flaky: its first attempt fails. failing: fails. early: at most once. late: has a delay.
// unwanted: its producer cancels it as soon as it is accepted. limited, fresh: has a time limit, or expires, after a
// time that no round takes and every step of a clock exceeds.
enum class Kind { plain, flaky, failing, early, late, unwanted, limited, fresh };
inline constexpr std::uint32_t kRetriesOfFlaky = 3;

// One job of a producer. Its id is made before the first start of the producer, so that one that was killed submits it
// again as the same job.
struct PlannedJob {
  JobId id;
  Kind kind = Kind::plain;
  std::uint32_t priority = 4;
  std::uint32_t micros = 0;  // how long an attempt takes
  std::uint32_t delay_ms = 0;

  [[nodiscard]] JobRequest request() const;
};

// longest_us: an attempt takes so many microseconds at most.
[[nodiscard]] std::vector<PlannedJob> make_plan(std::size_t count, std::mt19937_64& dice,
                                                std::uint32_t longest_us = 3000);
void write_plan(const std::filesystem::path& file, const std::vector<PlannedJob>& plan);
[[nodiscard]] std::vector<PlannedJob> read_plan(const std::filesystem::path& file);

// How a job ended, as somebody heard it: "succeeded consumer-2.0@1234", "failed TypeOfError: what", "cancelled".
[[nodiscard]] std::string outcome_text(const Outcome& outcome);

// Nanoseconds since the machine's start: the same for all its processes, and no clock that is set.
[[nodiscard]] std::int64_t nanoseconds_now();

// What a producer wrote of one job: that it submits it, or what it heard.
struct Heard {
  enum class What { submitted, accepted, outcome };
  JobId id;
  What what = What::accepted;
  std::string text = {};  // of an outcome: outcome_text; of `submitted`: nanoseconds_now()
};
// One attempt that a consumer began.
struct Begun {
  JobId job;
  std::uint32_t attempt = 0;
  bool is_to_fail = false;
  std::string mark;                      // no other attempt has it; the result of a job names its attempt by it
  std::int64_t nanoseconds = 0;          // when it began
  std::optional<std::int64_t> end = {};  // and when it ended, unless it was killed
};
[[nodiscard]] std::vector<Heard> read_heard(const std::filesystem::path& file);
[[nodiscard]] std::vector<Begun> read_begun(const std::filesystem::path& file);

// A file that several processes append lines to.
class LineFile {
 public:
  // The first line is an empty one: it ends what a killed predecessor may have cut.
  explicit LineFile(const std::filesystem::path& file);
  ~LineFile();
  LineFile(const LineFile&) = delete;
  LineFile& operator=(const LineFile&) = delete;

  void add(const Heard& heard) const;
  // That it begins; and later that it ends.
  void add(const Begun& begun) const;
  void add_end(const std::string& mark) const;

 private:
  void write(const std::string& line) const;

  int descriptor_;
};

}  // namespace zebu::crash
