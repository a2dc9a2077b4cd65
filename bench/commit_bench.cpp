// How long the store's commits of one small job take: alone, and with a part of a large value in each of them, as
// values come, are taken by their jobs and go with those again.
#include "bench/figures.h"
#include "broker/store/sqlite/store.h"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <filesystem>
#include <iostream>

namespace {

using namespace zebu;
using namespace zebu::broker;
using bench::Latencies;

constexpr WallTime kNow{std::chrono::milliseconds{1'000'000}};

class Driver {
 public:
  Driver(Store& store, std::size_t value, std::size_t piece) : store_(store), value_(value), piece_(piece) {}

  // Each commit has a new job, the end of the one before, and with `with_piece` the next part of a value.
  void run(const std::string& name, int commits, bool with_piece) {
    Latencies latencies;
    for (int i = 0; i < commits; ++i) {
      std::vector<Record> records;
      if (with_piece) add_piece(records);
      const SharedSpec next = job(64);
      records.emplace_back(JobAccepted{next});
      if (last_) records.emplace_back(end_of(last_));
      last_ = next;
      const auto begin = bench::Clock::now();
      if (const auto done = store_.commit(records); !done) throw std::runtime_error(done.error().message);
      store_.tidy();
      latencies.add(bench::Clock::now() - begin);
    }
    latencies.print(name);
  }

 private:
  std::shared_ptr<JobSpec> job(std::size_t bytes) {
    auto spec = std::make_shared<JobSpec>();
    spec->id = Uuid::make();
    spec->sequence = ++sequence_;
    spec->task = "echo";
    spec->queue = "default";
    spec->args.assign(bytes, 'x');
    spec->submitted = kNow;
    return spec;
  }

  static JobFinished end_of(const SharedSpec& spec) {
    return {spec, Uses{1, 0, 0, 0}, std::make_shared<const Outcome>(Outcome::cancelled()), kNow,
            kNow + std::chrono::hours(1)};
  }

  void add_piece(std::vector<Record>& records) {
    if (!large_) {
      large_ = job(value_);
      given_ = 0;
    }
    const ValueName name{large_->id, 0};
    const std::size_t size = std::min(piece_, value_ - given_);
    records.emplace_back(ValuePiece{name, Bytes(large_->args).substr(given_, size), large_});
    given_ += size;
    if (given_ < value_) return;
    records.emplace_back(JobAccepted{large_});
    records.emplace_back(ValueClosed{name});
    if (taken_) {
      records.emplace_back(end_of(taken_));
      records.emplace_back(JobForgotten{taken_->id, {}});
    }
    taken_ = std::exchange(large_, nullptr);
  }

  Store& store_;
  std::size_t value_;
  std::size_t piece_;
  std::uint64_t sequence_ = 0;
  std::shared_ptr<JobSpec> large_;
  std::size_t given_ = 0;  // bytes of it
  SharedSpec taken_;
  SharedSpec last_;
};

}  // namespace

int main(int argc, char** argv) {
  std::string folder;
  int commits = 4000;
  std::size_t value = 64U << 20;
  std::size_t piece = 32U << 10;
  CLI::App app("Measures commits of a small job, alone and with a part of a large value.", "commit_bench");
  app.add_option("--folder", folder, "where the store is made")->required();
  app.add_option("--commits", commits, "commits of each kind")->capture_default_str();
  app.add_option("--bytes", value, "bytes of a large value")->capture_default_str();
  app.add_option("--piece", piece, "bytes of its part in a commit")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  try {
    SqliteOptions options;
    options.path = folder + "/commit_bench.db";
    for (const char* end : {"", "-wal", "-shm", ".lock"}) std::filesystem::remove(options.path + end);
    auto store = SqliteStore::open(options);
    if (!store) throw std::runtime_error(store.error().message);
    if (const auto recovered = (*store)->recover(); !recovered) throw std::runtime_error(recovered.error().message);
    Driver driver(**store, value, piece);
    driver.run("warm", commits / 10, false);
    driver.run("alone", commits, false);
    driver.run("with_piece", commits, true);
  } catch (const std::exception& e) {
    std::cerr << "commit_bench: " << e.what() << '\n';
    return 1;
  }
  return 0;
}
