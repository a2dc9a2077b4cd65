#include "tests/crash/cast.h"

#include "tests/support/eventually.h"
#include "tests/support/paths.h"
#include "tests/support/stack.h"
#include "zebu/job.h"

#include <algorithm>
#include <csignal>
#include <fstream>
#include <stdexcept>
#include <utility>

namespace zebu::crash {
namespace {

void wait_for_clean_exit(const std::string& name, Mortal& mortal) {
  if (mortal.process().wait_exit(std::chrono::seconds(30)) != test::ExitStatus{.code = 0, .signal = {}}) {
    throw std::runtime_error(name + " did not stop cleanly");
  }
}

// Where a program connects to.
const std::string& through(const std::unique_ptr<test::SlowLink>& link, const std::string& endpoint) {
  return link ? link->endpoint() : endpoint;
}

}  // namespace

Cast::Cast(CastOptions options)
    : options_(std::move(options)), broker_clock_(clock_of("broker")), broker_(test::ProcessOptions{}) {}

std::unique_ptr<test::SlowLink> Cast::link_to(const std::string& endpoint) const {
  if (options_.kind == RoundKind::kills) return nullptr;
  return std::make_unique<test::SlowLink>(endpoint, test::SlowLink::Quality{});
}

// Not for a program with a sanitizer, nor for a broker that is killed: over a restart the wall clock carries what is
// due.
std::unique_ptr<test::SteppedClock> Cast::clock_of(const std::string& name) const {
#ifndef ZEBU_SANITIZED
  const bool steps = name == "broker" ? options_.kind == RoundKind::living : options_.kind != RoundKind::kills;
  if (steps) return std::make_unique<test::SteppedClock>(options_.folder / (name + ".clock"));
#endif
  static_cast<void>(name);
  return nullptr;
}

void Cast::start_broker() {
  // Outcomes are kept for longer than a clock steps.
  broker_.options().command = {test::program("zebu-broker"),
                               "--clients",
                               clients_,
                               "--consumers",
                               consumers_endpoint_,
                               "--liveness",
                               std::to_string(options_.liveness.count()) + "ms",
                               "--window",
                               std::to_string(options_.window),
                               "--store",
                               store(),
                               "--result-ttl",
                               "720h"};
  auto& environment = broker_.options().environment;
  if (broker_clock_) environment = broker_clock_->environment();
  if (options_.sync_ms > 0) {
    std::string& preload = environment["LD_PRELOAD"];
    preload = test::program("slow_disk.so") + (preload.empty() ? "" : ":" + preload);
    environment["ZEBU_SYNC_MS"] = std::to_string(options_.sync_ms);
  }
  const bool is_first = clients_.ends_with('*');
  broker_.start();
  if (!is_first) return;
  const std::string line = broker_.process().wait_for_line("zebu-broker ready");
  clients_ = test::ready_field(line, "clients");
  consumers_endpoint_ = test::ready_field(line, "consumers");
}

void Cast::add_consumers() {
  add_consumer("processes-1", "processes", false);
  add_consumer("processes-2", "processes", true);
  add_consumer("threads-1", "threads", false);
  add_consumer("threads-2", "threads", true);
}

void Cast::add_consumer(const std::string& name, const std::string& pool, bool may_die) {
  auto link = link_to(consumers_endpoint_);
  auto clock = clock_of(name);
  test::ProcessOptions options;
  options.command = {test::program("crash-consumer"),
                     "--broker",
                     through(link, consumers_endpoint_),
                     "--name",
                     name,
                     "--pool",
                     pool,
                     "--slots",
                     "2",
                     "--liveness",
                     std::to_string(options_.liveness.count()) + "ms"};
  if (clock) options.environment = clock->environment();
  start_consumer(consumers_.emplace_back(Consumer{Mortal(options), name, may_die, std::move(link), std::move(clock)}));
}

void Cast::start_consumer(Consumer& consumer) {
  const std::string life = consumer.name + "." + std::to_string(consumer.lives.size());
  consumer.lives.push_back({options_.folder / (life + ".begun")});
  consumer.mortal.options().environment["ZEBU_CRASH_BEGUN"] = consumer.lives.back().begun;
  consumer.mortal.start();
}

void Cast::add_producer(const std::string& name, const std::filesystem::path& plan) {
  auto link = link_to(clients_);
  const auto heard = options_.folder / (name + ".heard");
  test::ProcessOptions options;
  options.command = {test::program("crash-producer"), through(link, clients_), plan, heard};
  producers_.emplace_back(Submitter{Mortal(options), std::move(link), plan, heard}).mortal.start();
}

void Cast::add_map(const std::filesystem::path& input) {
  auto link = link_to(clients_);
  test::ProcessOptions options;
  // It is started while the broker is dead, too.
  options.command = {test::program("zebu-producer"),
                     "--broker",
                     through(link, clients_),
                     "--connect-timeout",
                     "30s",
                     "map",
                     "work",
                     "--input",
                     input,
                     "--output",
                     options_.folder / "map.out",
                     "--resume"};
  map_.emplace(Submitter{Mortal(options), std::move(link)}).mortal.start();
}

void Cast::add_webfront() {
  auto link = link_to(clients_);
  test::ProcessOptions options;
  options.command = {test::program("zebu-webfront"), "--broker", through(link, clients_), "--listen", "127.0.0.1:0"};
  Mortal& webfront = webfront_.emplace(Submitter{Mortal(options), std::move(link)}).mortal;
  webfront_->heard = options_.folder / "web.heard";
  webfront.start();
  const std::string address = test::ready_field(webfront.process().wait_for_line("zebu-webfront ready"), "http");
  const auto port = static_cast<std::uint16_t>(std::stoul(address.substr(address.rfind(':') + 1)));
  web_user_ = std::make_unique<WebUser>(port, webfront_->heard);
}

bool Cast::have_submitters_finished() {
  return map_->mortal.is_finished() && std::all_of(producers_.begin(), producers_.end(),
                                                   [](Submitter& producer) { return producer.mortal.is_finished(); });
}

void Cast::stop() {
  if (webfront_) webfront_->mortal.process().signal(SIGTERM);
  for (Consumer& consumer : consumers_) consumer.mortal.process().signal(SIGTERM);
  if (webfront_) wait_for_clean_exit("the front end", webfront_->mortal);
  for (Consumer& consumer : consumers_) wait_for_clean_exit(consumer.name, consumer.mortal);
  broker_.process().signal(SIGTERM);
  wait_for_clean_exit("the broker", broker_);
}

void Cast::tell(const std::string& what) {
  const auto now = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now().time_since_epoch()).count();
  story_ += std::to_string(now) + " ms: " + what + "\n";
}

void Cast::save_what_was_said() const {
  std::ofstream(options_.folder / "story") << story_;
  const auto save = [this](const std::string& name, const Mortal& mortal) {
    std::ofstream(options_.folder / (name + ".err")) << mortal.said();
  };
  save("broker", broker_);
  for (const Consumer& consumer : consumers_) save(consumer.name, consumer.mortal);
  for (const Submitter& producer : producers_) save(producer.heard.stem().string(), producer.mortal);
  if (map_) save("map", map_->mortal);
  if (webfront_) save("webfront", webfront_->mortal);
}

}  // namespace zebu::crash
