#pragma once

#include "tests/support/broker_stub.h"
#include "tests/support/paths.h"
#include "tests/support/process.h"
#include "zebu/convert.h"

// zebu-consumer, with the tasks that test it, on a broker that the test plays.
namespace zebu::test {

// What the task about() returns.
struct About {
  std::string job;
  std::uint32_t attempt = 0;
  std::string queue;
  std::map<std::string, std::string> headers;
  std::optional<std::int64_t> left_ms;
  std::int64_t process = 0;
  MSGPACK_DEFINE_MAP(job, attempt, queue, headers, left_ms, process)
};
inline About about_of(const Outcome& ended) {
  const auto about = unpack_value<About>(ended.result);
  if (!about) throw std::runtime_error("about() returned something else");
  return *about;
}

struct ConsumerYard {
  explicit ConsumerYard(const std::vector<std::string>& options,
                        std::chrono::milliseconds liveness = std::chrono::seconds(60))
      : broker(liveness), consumer(command(broker.endpoint(), options)) {
    broker.welcome();
    consumer.wait_for_line("zebu-consumer ready");
  }

  Outcome run(std::string_view task, const std::string& args, JobOptions options = {}) {
    return broker.outcome(broker.assign(task, args, std::move(options)));
  }

  static std::vector<std::string> command(const std::string& endpoint, const std::vector<std::string>& options) {
    std::vector<std::string> words = {program("zebu-consumer"), "--broker", endpoint, "--test-tasks"};
    words.insert(words.end(), options.begin(), options.end());
    return words;
  }

  BrokerStub broker;
  Process consumer;
};

}  // namespace zebu::test
