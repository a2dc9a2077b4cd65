#include "producer/commands/subcommands.h"
#include "producer/connection/answers.h"
#include "producer/connection/broker_connection.h"
#include "producer/text/complain.h"
#include "producer/text/terminal.h"
#include "producer/top/fetcher.h"
#include "producer/top/top_view.h"

#include <nlohmann/json.hpp>

#include <array>
#include <iostream>
#include <poll.h>

namespace zebu::producer {
namespace {

// One snapshot, for programs and pipes.
int print_once(Client& client, const CommonOptions& common) {
  const auto data = ask_overview(client, common.connect_timeout);
  if (!data) {
    complain("the broker at " + common.broker + " does not answer: " + data.error().message);
    return 1;
  }
  if (common.output == Output::json) {
    return print_json({{"broker", data->broker}, {"queues", data->queues}, {"consumers", data->consumers}});
  }
  std::cout << top_text(*data, common.broker) << std::flush;
  return std::cout ? 0 : 1;
}

class LiveView {
 public:
  LiveView(const CommonOptions& common, TopFetcher& fetcher, const Interrupt& interrupt, const ResizeSignal& resize)
      : common_(common), fetcher_(fetcher), interrupt_(interrupt), resize_(resize) {}

  // Runs until q or a signal.
  void run() {
    do {
      draw();
    } while (handle_event());
  }

 private:
  void draw() const {
    const TerminalSize size = terminal_size(STDOUT_FILENO);
    if (!has_news_) return screen_.draw({{"asking the broker at " + common_.broker}});
    screen_.draw(top_screen(state_, shown(), common_.broker, news_.trouble, size));
  }

  // Jobs of another queue or state are not those that are looked at.
  [[nodiscard]] TopData shown() const {
    TopData data = news_.data;
    const TopWish& wish = state_.wish();
    if (news_.wish.queue != wish.queue || news_.wish.state != wish.state) data.jobs = nullptr;
    if (news_.wish.job != wish.job) data.job = nullptr;
    return data;
  }

  // Waits for news, a key or a signal. Returns false if the view should close.
  bool handle_event() {
    std::array<pollfd, 4> watched{pollfd{interrupt_.descriptor(), POLLIN, 0}, pollfd{resize_.descriptor(), POLLIN, 0},
                                  pollfd{fetcher_.descriptor(), POLLIN, 0},
                                  pollfd{has_keys_ ? screen_.keys() : -1, POLLIN, 0}};
    ::poll(watched.data(), watched.size(), -1);
    if (watched[0].revents != 0) return false;
    if (watched[1].revents != 0) resize_.take();
    if (watched[2].revents != 0) {
      news_ = fetcher_.take();
      has_news_ = true;
    }
    return watched[3].revents == 0 || press_keys();
  }

  bool press_keys() {
    const auto typed = screen_.read_keys();
    has_keys_ = typed.has_value();
    for (const Key key : typed.value_or(std::vector<Key>())) {
      if (!state_.press(key, shown())) return false;
    }
    fetcher_.wish(state_.wish());
    return true;
  }

  const CommonOptions& common_;
  TopFetcher& fetcher_;
  const Interrupt& interrupt_;
  const ResizeSignal& resize_;
  FullScreen screen_;
  TopState state_;
  TopFetcher::News news_;
  bool has_news_ = false;
  bool has_keys_ = true;
};

}  // namespace

int run(const CommonOptions& common, const TopOptions& options) {
  Interrupt interrupt;
  const ResizeSignal resize;
  const auto client = connect(common, {}, &interrupt);
  if (!client) return 1;
  if (common.output == Output::json || !has_full_screen()) {
    interrupt.release();
    return print_once(*client, common);
  }
  TopFetcher fetcher(*client, options.interval);
  LiveView(common, fetcher, interrupt, resize).run();
  if (interrupt.is_raised()) interrupt.die();
  interrupt.release();  // the end waits for an answer that is under way
  return 0;
}

}  // namespace zebu::producer
