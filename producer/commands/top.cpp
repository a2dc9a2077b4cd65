#include "producer/commands/subcommands.h"
#include "producer/commands/top_view.h"
#include "producer/connection/answers.h"
#include "producer/text/complain.h"
#include "producer/text/terminal.h"
#include "zebu/program/stop_signal.h"
#include "zebu/program/visible_text.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <iostream>
#include <limits>
#include <poll.h>
#include <unistd.h>

namespace zebu::producer {
namespace {

using Json = nlohmann::json;

// A broker that hangs must not block the keyboard for longer.
constexpr std::chrono::milliseconds kAnswerTime{1000};

struct Answers {
  Json broker;
  Json queues;
  Json consumers;

  [[nodiscard]] TopSnapshot snapshot() const { return {broker, queues, consumers}; }
};

Result<Answers> take_answers(Client& client) {
  auto broker = query(client, "broker", {}, kAnswerTime);
  if (!broker) return tl::make_unexpected(broker.error());
  auto queues = query_all(client, "queues", kAnswerTime);
  if (!queues) return tl::make_unexpected(queues.error());
  auto consumers = query_all(client, "consumers", kAnswerTime);
  if (!consumers) return tl::make_unexpected(consumers.error());
  return Answers{std::move(*broker), std::move(*queues), std::move(*consumers)};
}

// One snapshot, for programs and pipes.
int print_once(Client& client, const CommonOptions& common) {
  const auto answers = take_answers(client);
  if (!answers) {
    complain("the broker at " + common.broker + " does not answer: " + answers.error().message);
    return 1;
  }
  if (common.output == Output::json) {
    return print_json({{"broker", answers->broker}, {"queues", answers->queues}, {"consumers", answers->consumers}});
  }
  std::cout << top_text(answers->snapshot(), common.broker, std::nullopt) << std::flush;
  return std::cout ? 0 : 1;
}

class LiveView {
 public:
  LiveView(Client& client, const CommonOptions& common, const TopOptions& options, const StopSignal& stop,
           const ResizeSignal& resize)
      : client_(client), common_(common), options_(options), stop_(stop), resize_(resize) {}

  // Runs until q or a signal.
  void run() {
    TimePoint next{};
    do {
      if (Clock::now() >= next) {
        next = Clock::now() + options_.interval;
        answers_ = take_answers(client_);
      }
      draw();
    } while (wait_for_event(next));
  }

 private:
  void draw() const {
    if (!answers_) {
      screen_.draw("the broker at " + common_.broker + " is away: " + visible(answers_.error().message, Lines::one) +
                   "\n");
      return;
    }
    screen_.draw(top_text(answers_->snapshot(), common_.broker, terminal_size(STDOUT_FILENO)));
  }

  // Waits for the next update, a key or a signal. Returns false if the view should close.
  bool wait_for_event(TimePoint next) {
    std::array<pollfd, 3> watched{pollfd{stop_.descriptor(), POLLIN, 0}, pollfd{resize_.descriptor(), POLLIN, 0},
                                  pollfd{has_keys_ ? screen_.keys() : -1, POLLIN, 0}};
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(next - Clock::now());
    const auto limit = std::clamp<std::int64_t>(left.count(), 0, std::numeric_limits<int>::max());
    ::poll(watched.data(), watched.size(), static_cast<int>(limit));
    if (watched[0].revents != 0) return false;
    if (watched[1].revents != 0) resize_.take();
    if (watched[2].revents == 0) return true;
    const auto key = screen_.key();
    has_keys_ = key.has_value();
    return key != 'q' && key != 'Q';
  }

  Client& client_;
  const CommonOptions& common_;
  const TopOptions& options_;
  const StopSignal& stop_;
  const ResizeSignal& resize_;
  FullScreen screen_;
  Result<Answers> answers_;
  bool has_keys_ = true;
};

}  // namespace

int run(const CommonOptions& common, const TopOptions& options) {
  const StopSignal stop;
  const ResizeSignal resize;
  const auto client = connect(common, {}, &stop);
  if (!client) return 1;
  if (common.output == Output::json || ::isatty(STDOUT_FILENO) != 1) return print_once(*client, common);
  LiveView(*client, common, options, stop, resize).run();
  return 0;
}

}  // namespace zebu::producer
