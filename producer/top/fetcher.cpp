#include "producer/top/fetcher.h"

#include "producer/connection/answers.h"

#include <sys/eventfd.h>

namespace zebu::producer {
namespace {

using Json = nlohmann::json;

constexpr std::chrono::milliseconds kAnswerTime{1000};
constexpr std::uint32_t kJobs = 200;  // more than a screen has

}  // namespace

Result<TopData> ask_overview(Client& client, std::chrono::milliseconds timeout) {
  TopData data;
  auto broker = query(client, "broker", {}, timeout);
  if (!broker) return tl::make_unexpected(broker.error());
  auto queues = query_all(client, "queues", timeout);
  if (!queues) return tl::make_unexpected(queues.error());
  auto consumers = query_all(client, "consumers", timeout);
  if (!consumers) return tl::make_unexpected(consumers.error());
  data.broker = std::move(*broker);
  data.queues = std::move(*queues);
  data.consumers = std::move(*consumers);
  return data;
}

TopFetcher::TopFetcher(Client& client, std::chrono::milliseconds interval)
    : client_(client),
      interval_(interval),
      wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      thread_([this] { run(); }) {}

TopFetcher::~TopFetcher() {
  {
    const Lock lock(mutex_);
    is_stopped_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

TopFetcher::News TopFetcher::take() {
  eventfd_t count = 0;
  ::eventfd_read(wake_.get(), &count);
  const Lock lock(mutex_);
  return news_;
}

void TopFetcher::wish(const TopWish& wish) {
  {
    const Lock lock(mutex_);
    if (wish == wish_) return;
    wish_ = wish;
  }
  changed_.notify_all();
}

Result<TopData> TopFetcher::ask(const TopWish& wish) {
  auto data = ask_overview(client_, kAnswerTime);
  if (!data) return data;
  if (!wish.job.empty()) {
    Params params;
    if (const auto id = Uuid::parse(wish.job)) params.ids.push_back(*id);
    auto jobs = query(client_, "jobs", params, kAnswerTime);
    if (!jobs) return tl::make_unexpected(jobs.error());
    if (jobs->is_array() && !jobs->empty() && jobs->front().is_object()) data->job = jobs->front();
  }
  if (!wish.queue.empty()) {
    Params params;
    params.queue = wish.queue;
    params.state = wish.state;
    params.limit = kJobs;
    auto page = query(client_, "list", params, kAnswerTime);
    if (!page) return tl::make_unexpected(page.error());
    data->jobs = page->is_object() ? page->value("jobs", Json::array()) : Json::array();
  }
  return data;
}

void TopFetcher::run() {
  Lock lock(mutex_);
  while (!is_stopped_) {
    const TopWish wish = wish_;
    const TimePoint next = Clock::now() + interval_;
    lock.native().unlock();
    auto data = ask(wish);
    lock.native().lock();
    news_.trouble = data ? "" : data.error().message;
    if (data) {
      news_.data = std::move(*data);
      news_.wish = wish;
    }
    ::eventfd_write(wake_.get(), 1);
    changed_.wait_until(lock.native(), next, [&]() ZEBU_REQUIRES(mutex_) { return is_stopped_ || !(wish_ == wish); });
  }
}

}  // namespace zebu::producer
