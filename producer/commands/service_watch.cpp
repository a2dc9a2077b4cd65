#include "producer/commands/service_watch.h"

#include "producer/connection/answers.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <utility>

namespace zebu::producer {
namespace {

// Most jobs have ended by then, and nothing is asked for them.
constexpr std::chrono::milliseconds kLookAfter{1000};
// A broker that hangs must not keep Ctrl-C waiting.
constexpr std::chrono::milliseconds kAnswerWithin{250};

}  // namespace

ServiceWatch::ServiceWatch(Client& client, const CommonOptions& common, std::string queue, std::string task, Say say)
    : client_(client),
      common_(common),
      queue_(std::move(queue)),
      task_(std::move(task)),
      say_(std::move(say)),
      next_(Clock::now() + kLookAfter) {}

void ServiceWatch::look() {
  if (Clock::now() < next_) return;
  const std::string why = why_waiting();
  next_ = Clock::now() + kLookAfter;
  if (why == told_) return;
  if (!why.empty()) {
    say_("waiting: " + why);
  } else {
    say_("queue '" + queue_ + "' is served now");
  }
  told_ = why;
}

std::string ServiceWatch::why_waiting() {
  const auto queue = query_queue(client_, queue_, kAnswerWithin);
  if (!queue) return "the broker at " + common_.broker + " does not answer";
  const std::string name = "queue '" + queue_ + "'";
  if (number(*queue, "consumers") == 0) return "no consumer serves " + name;
  if (flag(*queue, "paused")) return name + " is paused: " + paused_cell(*queue);
  const auto tasks = queue->find("unserved_tasks");
  const bool is_unserved = tasks != queue->end() && tasks->is_array() &&
                           std::any_of(tasks->begin(), tasks->end(), [&](const auto& each) { return each == task_; });
  return is_unserved ? "no consumer of " + name + " knows task '" + task_ + "'" : "";
}

}  // namespace zebu::producer
