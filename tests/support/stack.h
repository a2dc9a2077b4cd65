#pragma once

#include "tests/support/http.h"
#include "tests/support/process.h"
#include "tests/support/temp_dir.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace zebu::test {

// Further command-line arguments for each program.
struct StackOptions {
  std::vector<std::string> broker = {};
  int consumers = 1;
  std::vector<std::string> consumer = {};
  bool with_webfront = true;
  std::vector<std::string> webfront = {};
  std::map<std::string, std::string> environment = {};  // of the broker and the consumers
};

// One consumer with two slots, and the tasks that test it.
inline StackOptions two_slots(bool with_webfront = true) {
  StackOptions options;
  options.consumer = {"--slots", "2", "--test-tasks"};
  options.with_webfront = with_webfront;
  return options;
}

// The real programs, wired up on ports that the kernel chose, with a store of their own, and killed at the end of the
// scope. The constructor returns when all of them are ready.
class Stack {
 public:
  explicit Stack(StackOptions options = {});

  const std::string& clients() const { return clients_; }      // the broker's endpoint for clients
  const std::string& consumers() const { return consumers_; }  // and for consumers
  std::uint16_t http_port() const { return http_port_; }

  // The broker's --store.
  std::string store() const { return "sqlite:" + (folder_.path() / "zebu.db").string(); }

  Process& broker() { return *broker_; }
  Process& consumer(std::size_t index) { return consumer_processes_.at(index); }
  Process& webfront() { return *webfront_; }

  // Named consumer-0, consumer-1, … in the order of starting.
  Process& add_consumer(const std::vector<std::string>& more = {});
  void kill_broker();
  // On the ports and with the store that it had.
  void start_broker();
  void restart_broker();

  // Both throw if the reply has JSON that webfront/openapi.json does not allow.
  HttpReply get(const std::string& target, std::chrono::milliseconds limit = std::chrono::seconds(20)) const;
  // A POST with this JSON text as its body.
  HttpReply post(const std::string& target, const std::string& json, HttpHeaders headers = {},
                 std::chrono::milliseconds limit = std::chrono::seconds(20)) const;

  // zebu-producer with --broker set: run to its end, or only started.
  Finished produce(std::vector<std::string> arguments,
                   std::chrono::milliseconds limit = std::chrono::seconds(30)) const;
  Process start_producer(std::vector<std::string> arguments) const;

 private:
  void start_webfront();

  StackOptions options_;
  TempDir folder_;
  std::string clients_ = "tcp://127.0.0.1:*";
  std::string consumers_ = "tcp://127.0.0.1:*";
  std::uint16_t http_port_ = 0;
  std::optional<Process> broker_;
  std::vector<Process> consumer_processes_;
  std::optional<Process> webfront_;
};

// The id that zebu-producer's `submit` with these arguments prints first; throws what it says if it fails.
std::string submitted(const Stack& stack, std::vector<std::string> arguments);
// An id that no job has.
inline const std::string kUnknown = "0192f3a4-0000-7000-8000-000000000000";

// The value of `key` in a ready line of the form "zebu-broker ready clients=… consumers=…".
std::string ready_field(const std::string& line, const std::string& key);

}  // namespace zebu::test
