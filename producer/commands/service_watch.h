#pragma once

#include "producer/options/producer_options.h"
#include "zebu/client.h"

#include <functional>
#include <string>

namespace zebu::producer {

// Says why jobs of a queue wait, while somebody waits for them: nobody serves the queue, no consumer knows the task,
// the queue is paused, or the broker is away. Each state is told once, and the end of it too.
class ServiceWatch {
 public:
  using Say = std::function<void(const std::string&)>;

  ServiceWatch(Client& client, const CommonOptions& common, std::string queue, std::string task, Say say);

  // Asks the broker, unless the last time is too recent. Blocks for a moment at most.
  void look();

 private:
  [[nodiscard]] std::string why_waiting();

  Client& client_;
  const CommonOptions& common_;
  std::string queue_;
  std::string task_;
  Say say_;
  std::string told_;  // why jobs waited at the last look; empty: they do not
  TimePoint next_;
};

}  // namespace zebu::producer
