#include "tests/support/catch.h"
#include "tests/support/random_records.h"
#include "tests/support/store_fixture.h"

namespace zebu::broker {

using namespace zebu::test;

namespace {

// Every answer of both stores, compared.
class Comparison {
 public:
  Comparison(StoreUnderTest& model, StoreUnderTest& other) : model_(model), other_(other) {}

  void compare(RandomRecords& random) {
    for (const JobId& id : random.ids()) {
      const auto mine = model_.find(id);
      const auto theirs = other_.find(id);
      REQUIRE((mine ? describe(*mine) : "") == (theirs ? describe(*theirs) : ""));
    }
    for (const std::string& queue : random.queues()) {
      const LineKey from{static_cast<std::uint8_t>(random.below(10)), random.below(50)};
      for (const std::string task : {"fib", "echo", "neither"}) {
        const LineName line{queue, task, ""};
        same([&](Store& store) { return store.load_queued(line, from, 5, 4000); });
        same([&](Store& store) { return store.load_queued(line, {}, 10'000, 1U << 30); });
      }
      compare_list({std::nullopt, queue, "", "", 7});
    }
    same([&](Store& store) { return store.load_scheduled({random.now(), 0}, 5, 1U << 20); });
    same([&](Store& store) { return store.load_scheduled({}, 10'000, 1U << 30); });
    same([&](Store& store) { return store.load_expired(random.now(), 10'000, {}); });
    for (int state = 0; state < kJobStates; ++state) {
      compare_list({static_cast<JobState>(state), "", "", "", 1 + static_cast<std::uint32_t>(random.below(20))});
    }
  }

  void forget_failed(std::uint64_t keep, std::size_t limit) {
    same_dropped(*model_->forget_failed(RandomRecords::queues(), keep, limit),
                 *other_->forget_failed(RandomRecords::queues(), keep, limit));
  }
  void forget(WallTime now) { REQUIRE(forgotten(model_, now) == forgotten(other_, now)); }
  void reopen() { REQUIRE(describe(model_.reopen()) == describe(other_.reopen())); }

 private:
  static void same_dropped(const std::vector<Dropped>& mine, const std::vector<Dropped>& theirs) {
    REQUIRE(mine.size() == theirs.size());
    for (std::size_t i = 0; i < mine.size(); ++i) REQUIRE(mine[i].id == theirs[i].id);
  }

  template <class Ask>
  void same(Ask&& ask) {
    const auto mine = ask(*model_);
    const auto theirs = ask(*other_);
    REQUIRE(mine);
    REQUIRE(theirs);
    REQUIRE(describe(*mine) == describe(*theirs));
  }

  void compare_list(const ListFilter& filter) { REQUIRE(pages(model_, filter) == pages(other_, filter)); }

  static std::vector<std::string> pages(StoreUnderTest& store, ListFilter filter) {
    std::vector<std::string> all;
    do {
      const auto page = store->list(filter);
      REQUIRE(page);
      for (const StoredJob& job : page->jobs) all.push_back(describe(job));
      filter.after = page->next;
    } while (!filter.after.empty());
    return all;
  }

  static std::vector<std::string> forgotten(StoreUnderTest& store, WallTime now) {
    std::vector<std::string> all;
    for (bool has_more = true; has_more;) {
      const auto dropped = store->forget(now, 3);
      REQUIRE(dropped);
      for (const Dropped& one : *dropped) {
        all.push_back(one.id.to_string() + ' ' + std::string(to_string(one.state)) + ' ' + one.queue);
      }
      has_more = dropped->size() == 3;
    }
    std::sort(all.begin(), all.end());
    return all;
  }

  StoreUnderTest& model_;
  StoreUnderTest& other_;
};

std::vector<std::string> describe(const std::vector<Duplicate>& duplicates) {
  std::vector<std::string> texts;
  for (const Duplicate& one : duplicates) texts.push_back(one.spec->id.to_string() + " of " + one.of.to_string());
  return texts;
}

}  // namespace

TEST_CASE("every store answers as the memory store does, whatever happened to it") {
  const auto kind = GENERATE(Catch::Generators::from_range(kStoreKinds));
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    INFO("seed " << seed);
    RandomRecords random(seed);
    StoreUnderTest model(StoreKind::memory);
    StoreUnderTest other(kind);
    Comparison comparison(model, other);
    for (int commit = 0; commit < 100; ++commit) {
      // Few records take another way than many.
      const std::vector<Record> records = random.next(1 + random.below(random.below(2) == 0 ? 2 : 25));
      const auto duplicates = model.commit(records);
      REQUIRE(describe(duplicates) == describe(other.commit(records)));
      random.refused(duplicates);
      if (random.below(8) == 0) comparison.forget(random.now());
      if (random.below(8) == 0) comparison.forget_failed(random.below(4), 1 + random.below(5));
      if (random.below(10) == 0) comparison.reopen();
      if (random.below(10) == 0) comparison.compare(random);
    }
    comparison.reopen();
    comparison.compare(random);
  }
}

}  // namespace zebu::broker
