// The producer of the crash test: crash-producer ENDPOINT PLAN HEARD. Submits the jobs of the plan, writes down in
// HEARD what it hears of each at the moment that it hears it, and ends when all have their outcome. Started again after
// kill -9, it submits all of which it has written no outcome: the broker has some of them already.
#include "tests/crash/plan.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include <cstdio>
#include <cstdlib>
#include <unordered_set>

namespace {

using namespace zebu;
using namespace zebu::crash;

constexpr std::size_t kWindow = 2000;

class Producer {
 public:
  Producer(const std::string& broker, const std::filesystem::path& plan, const std::filesystem::path& heard)
      : heard_(heard) {
    std::unordered_set<JobId> done;
    for (const Heard& line : read_heard(heard)) {
      if (line.what == Heard::What::outcome) done.insert(line.id);
    }
    for (const PlannedJob& job : read_plan(plan)) {
      if (!done.contains(job.id)) left_.push_back(job);
    }
    ClientOptions options;
    options.broker = broker;
    options.name = "crash-producer";
    session_.emplace(loop_, context_, options);
  }

  int run() {
    if (const auto started = session_->start(); !started) return give_up("start", started.error());
    submit_more();
    loop_.run();
    return exit_code_;
  }

 private:
  void submit_more() {
    while (under_way_ < kWindow && next_ < left_.size()) submit(left_[next_++]);
    if (under_way_ == 0) session_->close();
  }

  void submit(const PlannedJob& job) {
    ++under_way_;
    if (job.delay_ms > 0) heard_.add(Heard{job.id, Heard::What::submitted, std::to_string(nanoseconds_now())});
    session_->submit(
        job.id, job.request(), [this, job](const Result<JobId>& accepted) { on_accepted(job, accepted); },
        [this, id = job.id](const Result<Outcome>& outcome) { on_outcome(id, outcome); });
  }

  void on_accepted(const PlannedJob& job, const Result<JobId>& accepted) {
    if (!accepted) return;  // the same error comes as its outcome
    heard_.add(Heard{job.id, Heard::What::accepted});
    if (job.kind == Kind::unwanted) session_->cancel(job.id);
  }

  void on_outcome(const JobId& id, const Result<Outcome>& outcome) {
    if (!outcome) {
      exit_code_ = give_up(id.to_string(), outcome.error());
      loop_.stop();
      return;
    }
    heard_.add(Heard{id, Heard::What::outcome, outcome_text(*outcome)});
    --under_way_;
    submit_more();
  }

  static int give_up(const std::string& what, const Error& error) {
    std::fprintf(stderr, "crash-producer: %s: %s: %s\n", what.c_str(), std::string(to_string(error.code)).c_str(),
                 error.message.c_str());
    return EXIT_FAILURE;
  }

  LineFile heard_;
  std::vector<PlannedJob> left_;
  std::size_t next_ = 0;
  std::size_t under_way_ = 0;
  int exit_code_ = EXIT_SUCCESS;
  boost::asio::io_context loop_;
  SocketContext context_;
  std::optional<ClientSession> session_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) return EXIT_FAILURE;
  try {
    return Producer(argv[1], argv[2], argv[3]).run();
  } catch (const std::exception& e) {
    std::fprintf(stderr, "crash-producer: %s\n", e.what());
    return EXIT_FAILURE;
  }
}
