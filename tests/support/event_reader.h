#pragma once

#include "tests/support/http.h"

#include <nlohmann/json.hpp>

#include <chrono>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace zebu::test {

struct JobEvent {
  std::string name;
  std::string id;
  nlohmann::json data;
};

// Reads the events of one job over HTTP/1.1, as a browser does.
class EventReader {
 public:
  EventReader(std::uint16_t port, const std::string& job, HttpHeaders headers = {}) : connection_(port) {
    connection_.send(to_bytes({.target = "/v1/jobs/" + job + "/events", .headers = std::move(headers)}));
    head_ = connection_.receive(std::chrono::seconds(20), true);
    if (head_.status != 200) throw std::runtime_error("no events: " + std::to_string(head_.status));
  }

  [[nodiscard]] const HttpReply& head() const { return head_; }
  // nullopt: the stream has ended.
  std::optional<JobEvent> next(std::chrono::milliseconds limit = std::chrono::seconds(20)) {
    for (;;) {
      std::size_t end = 0;
      while ((end = text_.find("\n\n")) == std::string::npos) {
        const std::string chunk = connection_.receive_chunk(limit);
        if (chunk.empty()) return std::nullopt;
        text_ += chunk;
      }
      const std::string block = text_.substr(0, end + 1);
      text_.erase(0, end + 2);
      if (auto event = parse(block)) return event;
    }
  }
  // All up to the end of the stream.
  std::vector<JobEvent> rest() {
    std::vector<JobEvent> events;
    while (auto event = next()) events.push_back(std::move(*event));
    return events;
  }
  // The first one of this name; those before are left out.
  JobEvent until(const std::string& name) {
    while (auto event = next()) {
      if (event->name == name) return *event;
    }
    throw std::runtime_error("the stream has ended without " + name);
  }
  HttpConnection& connection() { return connection_; }

 private:
  // nullopt: a comment, or `retry`.
  static std::optional<JobEvent> parse(const std::string& block) {
    JobEvent event;
    for (std::size_t at = 0; at < block.size();) {
      const std::size_t end = block.find('\n', at);
      const std::string line = block.substr(at, end - at);
      at = end + 1;
      if (line.starts_with("event: ")) event.name = line.substr(7);
      if (line.starts_with("id: ")) event.id = line.substr(4);
      if (line.starts_with("data: ")) event.data = nlohmann::json::parse(line.substr(6));
    }
    return event.name.empty() ? std::nullopt : std::optional(std::move(event));
  }

  HttpConnection connection_;
  HttpReply head_;
  std::string text_;
};

}  // namespace zebu::test
