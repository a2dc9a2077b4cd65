#pragma once

#include "tests/crash/mortal.h"
#include "tests/crash/web_user.h"
#include "tests/support/slow_link.h"
#include "tests/support/stepped_clock.h"

#include <chrono>
#include <deque>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace zebu::crash {

// kills: kill -9 of any program but two of the consumers. living: broken connections, pauses, steps of the clock, but
// no consumer is killed or silent for as long as its liveness. both: all of that, and longer silences.
enum class RoundKind { kills, living, both };

struct CastOptions {
  std::filesystem::path folder;  // for the store and all that is written down
  RoundKind kind = RoundKind::kills;
  std::size_t window = 0;  // the broker's
  int sync_ms = 0;         // how much longer each sync of the broker takes
  std::chrono::milliseconds liveness{0};
};

// One process of a consumer.
struct Life {
  std::filesystem::path begun;  // what it wrote down
  bool was_excused = false;     // it was silent for long: its jobs may have run elsewhere
};

struct Consumer {
  Mortal mortal;
  std::string name;
  bool may_die = false;
  std::unique_ptr<test::SlowLink> link;
  std::unique_ptr<test::SteppedClock> clock;
  std::vector<Life> lives = {};
};

// A program that submits jobs. Without a plan: map, or the front end.
struct Submitter {
  Mortal mortal;
  std::unique_ptr<test::SlowLink> link;
  std::filesystem::path plan = {};
  std::filesystem::path heard = {};
};

// The programs of a round: one broker, four consumers, two producers and a map; unless the round only kills, also a
// front end, links between all of them and the broker, and clocks that step.
class Cast {
 public:
  explicit Cast(CastOptions options);

  // On the ports that it had, if it ran before.
  void start_broker();
  void add_consumers();
  void start_consumer(Consumer& consumer);
  // plan: its file. name: of its other files.
  void add_producer(const std::string& name, const std::filesystem::path& plan);
  // input: its file.
  void add_map(const std::filesystem::path& input);
  void add_webfront();

  [[nodiscard]] bool have_submitters_finished();
  // SIGTERM to all that still run. Throws unless each of them exits with 0.
  void stop();
  // What befalls the programs, for whoever looks for a fault: as a line with the time.
  void tell(const std::string& what);
  // That, and what the programs said, in files beside the others.
  void save_what_was_said() const;

  [[nodiscard]] const CastOptions& options() const { return options_; }
  [[nodiscard]] const std::string& clients() const { return clients_; }  // the broker's endpoint, without a link
  [[nodiscard]] std::string store() const { return "sqlite:" + (options_.folder / "zebu.db").string(); }
  [[nodiscard]] Mortal& broker() { return broker_; }
  [[nodiscard]] test::SteppedClock* broker_clock() { return broker_clock_.get(); }  // null: it does not step
  [[nodiscard]] std::deque<Consumer>& consumers() { return consumers_; }
  [[nodiscard]] const std::deque<Consumer>& consumers() const { return consumers_; }
  [[nodiscard]] std::deque<Submitter>& producers() { return producers_; }
  [[nodiscard]] const std::deque<Submitter>& producers() const { return producers_; }
  [[nodiscard]] Submitter& map() { return *map_; }
  [[nodiscard]] Submitter* webfront() { return webfront_ ? &*webfront_ : nullptr; }
  [[nodiscard]] WebUser* web_user() { return web_user_.get(); }

 private:
  void add_consumer(const std::string& name, const std::string& pool, bool may_die);
  [[nodiscard]] std::unique_ptr<test::SlowLink> link_to(const std::string& endpoint) const;
  [[nodiscard]] std::unique_ptr<test::SteppedClock> clock_of(const std::string& name) const;

  CastOptions options_;
  std::string clients_ = "tcp://127.0.0.1:*";
  std::string consumers_endpoint_ = "tcp://127.0.0.1:*";
  std::unique_ptr<test::SteppedClock> broker_clock_;
  Mortal broker_;
  std::deque<Consumer> consumers_;
  std::deque<Submitter> producers_;
  std::optional<Submitter> map_;
  std::optional<Submitter> webfront_;
  std::unique_ptr<WebUser> web_user_;
  std::string story_;
};

}  // namespace zebu::crash
