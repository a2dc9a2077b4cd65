#include "broker/engine/dispatch/dispatch.h"
#include "tests/support/catch.h"

#include <deque>
#include <map>

namespace zebu::broker {
namespace {

constexpr auto kSlots = Dispatch::Want::slots;
constexpr auto kAhead = Dispatch::Want::ahead;

// Lines and consumers around a Dispatch: jobs are sequence numbers.
class Yard {
 public:
  struct Waiting {
    std::deque<Dispatch::Head> jobs;
    Route* route = nullptr;
    LineName name;
  };
  struct Worker {
    Seat* seat = nullptr;
    std::int64_t slots = 1;
    std::int64_t running = 0;
    std::uint32_t credit = 0;
  };

  Waiting& line(const std::string& queue, const std::string& task) {
    auto& line = lines_[{queue, task, ""}];
    if (!line) {
      line = std::make_unique<Waiting>();
      line->name = {queue, task, ""};
      // The line's address only comes back with a match.
      line->route = &dispatch.add_line(line->name, reinterpret_cast<Line*>(line.get()));
    }
    return *line;
  }
  void add(Waiting& line, std::uint64_t sequence, std::uint8_t rank = 5, bool is_durable = true) {
    line.jobs.push_back({{rank, sequence}, is_durable, {}});
    show(line);
  }
  void show(Waiting& line) {
    dispatch.set_head(*line.route, line.jobs.empty() ? std::nullopt : std::optional(line.jobs.front()));
  }
  void consumer(SessionId id, std::vector<std::string> queues, std::vector<std::string> tasks, std::int64_t slots,
                std::uint32_t credit, bool is_known = true) {
    Worker& worker = workers[id];
    worker.seat = &dispatch.add_consumer(id, std::move(queues), std::move(tasks));
    worker.slots = slots;
    worker.credit = credit;
    if (is_known) dispatch.set_known(*worker.seat);
    show(worker);
  }
  void show(Worker& worker) { dispatch.set(*worker.seat, worker.slots - worker.running, worker.credit); }

  // The next assignment as "consumer:sequence"; empty: there is none.
  std::string give(Dispatch::Want want = kSlots) {
    const auto match = dispatch.next(want);
    if (!match) return {};
    Waiting& line = *reinterpret_cast<Waiting*>(match->line);
    Worker& worker = workers.at(match->consumer);
    const std::uint64_t sequence = line.jobs.front().key.sequence;
    line.jobs.pop_front();
    ++worker.running;
    --worker.credit;
    show(line);
    show(worker);
    return std::to_string(match->consumer) + ':' + std::to_string(sequence);
  }
  std::vector<std::string> give_all(Dispatch::Want want = kSlots) {
    std::vector<std::string> given;
    for (std::string each = give(want); !each.empty(); each = give(want)) given.push_back(each);
    return given;
  }

  Dispatch dispatch;
  std::map<SessionId, Worker> workers;

 private:
  std::map<LineName, std::unique_ptr<Waiting>> lines_;
};

using Given = std::vector<std::string>;

}  // namespace

TEST_CASE("dispatch: jobs go by priority, then by age, over all lines that a consumer serves") {
  Yard yard;
  yard.consumer(1, {"a", "b"}, {"fib", "echo"}, 10, 10);
  yard.add(yard.line("a", "fib"), 1);
  yard.add(yard.line("a", "fib"), 4);
  yard.add(yard.line("a", "echo"), 2);
  yard.add(yard.line("b", "fib"), 3);
  yard.add(yard.line("b", "echo"), 5, 0);
  CHECK(yard.give_all() == Given{"1:5", "1:1", "1:2", "1:3", "1:4"});
}

TEST_CASE(
    "dispatch: the consumer with the most free slots gets the next job, among equals the one that waited longest") {
  Yard yard;
  for (const SessionId id : {1, 2, 3}) yard.consumer(id, {"a"}, {"fib"}, 4, 8);
  for (std::uint64_t i = 1; i <= 4; ++i) yard.add(yard.line("a", "fib"), i);
  CHECK(yard.give_all() == Given{"1:1", "2:2", "3:3", "1:4"});
  yard.add(yard.line("a", "fib"), 5);
  CHECK(yard.give() == "2:5");
  yard.consumer(4, {"a"}, {"fib"}, 16, 16);
  yard.add(yard.line("a", "fib"), 6);
  CHECK(yard.give() == "4:6");
}

TEST_CASE("dispatch: consumers that serve different queues share a line just as fairly") {
  Yard yard;
  yard.consumer(1, {"a", "b"}, {"fib"}, 2, 4);
  yard.consumer(2, {"a"}, {"fib", "echo"}, 2, 4);
  for (std::uint64_t i = 1; i <= 4; ++i) yard.add(yard.line("a", "fib"), i);
  CHECK(yard.give_all() == Given{"1:1", "2:2", "1:3", "2:4"});
}

TEST_CASE("dispatch: free slots come before jobs taken in advance") {
  Yard yard;
  yard.consumer(1, {"a"}, {"fib"}, 1, 3);
  yard.consumer(2, {"a"}, {"fib"}, 1, 3);
  for (std::uint64_t i = 1; i <= 6; ++i) yard.add(yard.line("a", "fib"), i);
  CHECK(yard.give_all(kSlots) == Given{"1:1", "2:2"});
  CHECK(yard.give_all(kAhead) == Given{"1:3", "2:4", "1:5", "2:6"});
}

TEST_CASE(
    "dispatch: a job goes only to a consumer that knows its task, and a line that nobody serves holds nothing up") {
  Yard yard;
  yard.add(yard.line("a", "unknown"), 1);
  yard.add(yard.line("a", "fib"), 2);
  yard.add(yard.line("a", "echo"), 3);
  yard.consumer(1, {"a"}, {"fib"}, 4, 4);
  yard.consumer(2, {"a"}, {"echo"}, 4, 4);
  CHECK(yard.give_all() == Given{"1:2", "2:3"});
  CHECK_FALSE(Dispatch::is_served(*yard.line("a", "unknown").route));
  CHECK(Dispatch::is_served(*yard.line("a", "fib").route));
  yard.consumer(3, {"a"}, {"unknown"}, 1, 1);
  CHECK(yard.give_all() == Given{"3:1"});
}

TEST_CASE("dispatch: a consumer that is not known yet gets transient jobs only") {
  Yard yard;
  yard.consumer(1, {"a"}, {"fib", "echo"}, 4, 4, false);
  yard.add(yard.line("a", "fib"), 1);
  yard.add(yard.line("a", "echo"), 2, 5, false);
  CHECK(yard.give_all() == Given{"1:2"});
  yard.dispatch.set_known(*yard.workers.at(1).seat);
  CHECK(yard.give_all() == Given{"1:1"});
}

TEST_CASE("dispatch: a job that failed goes to another consumer if one has a free slot") {
  Yard yard;
  yard.consumer(1, {"a"}, {"fib"}, 8, 8);
  yard.consumer(2, {"a", "b"}, {"fib"}, 1, 2);
  Yard::Waiting& line = yard.line("a", "fib");
  const auto failed_on_1 = [&](std::uint64_t sequence) {
    line.jobs.push_back({{5, sequence}, true, SessionId(1)});
    yard.show(line);
  };
  failed_on_1(1);
  CHECK(yard.give() == "2:1");
  failed_on_1(2);
  CHECK(yard.give() == "1:2");  // the other one's slot is taken
}

TEST_CASE("dispatch: a held line and a consumer without credit get nothing") {
  Yard yard;
  yard.consumer(1, {"a"}, {"fib"}, 4, 0);
  yard.add(yard.line("a", "fib"), 1);
  CHECK(yard.give().empty());
  yard.workers.at(1).credit = 1;
  yard.show(yard.workers.at(1));
  yard.dispatch.set_head(*yard.line("a", "fib").route, std::nullopt);
  CHECK(yard.give().empty());
  yard.show(yard.line("a", "fib"));
  CHECK(yard.give() == "1:1");
  CHECK(yard.give().empty());
}

TEST_CASE("dispatch: consumers and lines may go at any time") {
  Yard yard;
  yard.consumer(1, {"a"}, {"fib"}, 4, 4);
  yard.consumer(2, {"a"}, {"fib"}, 4, 4);
  yard.add(yard.line("a", "fib"), 1);
  yard.add(yard.line("a", "fib"), 2);
  yard.dispatch.remove(*yard.workers.at(1).seat);
  CHECK(yard.give() == "2:1");
  yard.dispatch.remove(*yard.line("a", "fib").route);
  CHECK(yard.give().empty());
  yard.dispatch.remove(*yard.workers.at(2).seat);
  CHECK(yard.give().empty());
}

// Compares with a plain search over all lines and consumers.
TEST_CASE("dispatch: random lines and consumers get what a plain search would give them") {
  std::uint64_t state = GENERATE(range(1, 60));
  const auto below = [&](std::uint64_t limit) {
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    return (state >> 33U) % limit;
  };
  const std::vector<std::string> names = {"a", "b", "c"};
  Yard yard;
  std::map<SessionId, std::pair<std::vector<std::string>, std::vector<std::string>>> serves;
  std::uint64_t sequence = 0;
  SessionId next_id = 0;
  const auto some = [&] {
    std::vector<std::string> list = {names[below(3)]};
    if (below(2) == 0) list.push_back(names[below(3)]);
    return list;
  };
  const auto contains = [](const std::vector<std::string>& list, const std::string& name) {
    return std::find(list.begin(), list.end(), name) != list.end();
  };
  for (int step = 0; step < 300; ++step) {
    const auto what = below(10);
    if (what < 4) {
      yard.add(yard.line(names[below(3)], names[below(3)]), ++sequence);
    } else if (what == 4) {
      const SessionId id = ++next_id;
      serves[id] = {some(), some()};
      yard.consumer(id, serves[id].first, serves[id].second, 1 + static_cast<std::int64_t>(below(3)),
                    static_cast<std::uint32_t>(below(4)));
    } else if (what == 5 && !serves.empty()) {
      auto& worker = yard.workers.at(serves.begin()->first);
      worker.credit += 2;
      worker.running = std::max<std::int64_t>(0, worker.running - 1);
      yard.show(worker);
    } else if (what == 6 && serves.size() > 3) {
      yard.dispatch.remove(*yard.workers.at(serves.begin()->first).seat);
      yard.workers.erase(serves.begin()->first);
      serves.erase(serves.begin());
    } else {
      const auto before = yard.workers;
      std::uint64_t first = 0;
      std::int64_t most_free = 0;
      for (const auto& [id, worker] : before) {
        if (worker.credit == 0 || worker.slots <= worker.running) continue;
        for (const std::string& queue : names) {
          for (const std::string& task : names) {
            const Yard::Waiting& line = yard.line(queue, task);
            if (line.jobs.empty() || !contains(serves[id].first, queue) || !contains(serves[id].second, task)) continue;
            const std::uint64_t head = line.jobs.front().key.sequence;
            const std::int64_t free = worker.slots - worker.running;
            if (first == 0 || head < first) {
              first = head;
              most_free = free;
            } else if (head == first) {
              most_free = std::max(most_free, free);
            }
          }
        }
      }
      const std::string given = yard.give();
      INFO("step " << step);
      if (first == 0) {
        REQUIRE(given.empty());
        continue;
      }
      REQUIRE_FALSE(given.empty());
      const auto colon = given.find(':');
      const SessionId id = std::stoull(given.substr(0, colon));
      REQUIRE(std::stoull(given.substr(colon + 1)) == first);
      REQUIRE(before.at(id).slots - before.at(id).running == most_free);
    }
  }
}

}  // namespace zebu::broker
