#pragma once

#include "tests/crash/plan.h"

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <thread>

namespace zebu::crash {

// A user of the front end, in a thread: submits one job after the other over HTTP and waits for each, whatever happens
// to the front end meanwhile, and writes down what it hears as a producer does.
class WebUser {
 public:
  WebUser(std::uint16_t port, const std::filesystem::path& heard);
  ~WebUser();
  WebUser(const WebUser&) = delete;

  // No new jobs; waits for the outcomes of those that the front end has taken. Throws when it does not answer.
  void finish();

 private:
  void run();
  // Whether the front end has taken it.
  [[nodiscard]] bool submit();
  [[nodiscard]] bool has_outcome(const std::string& id);
  void hear(const std::string& json);

  std::uint16_t port_;
  LineFile heard_;
  std::vector<std::string> open_;  // accepted, without an outcome; the thread's until it has ended
  std::atomic<bool> is_stopped_ = false;
  std::thread thread_;
};

}  // namespace zebu::crash
