#include "producer/commands/job_output.h"
#include "producer/commands/job_progress.h"
#include "producer/commands/subcommands.h"
#include "producer/connection/broker_connection.h"
#include "producer/connection/job_request.h"
#include "producer/text/complain.h"
#include "producer/text/json_arguments.h"
#include "producer/text/readable.h"
#include "producer/text/value_json.h"

#include <algorithm>
#include <deque>
#include <iostream>

namespace zebu::producer {
namespace {

// The most jobs that wait for ACCEPTED at a time, whatever --count says.
constexpr std::size_t kUnaccepted = 10'000;
constexpr std::size_t kShownWord = 60;

Result<JobRequest> request_of(const SubmitOptions& options) {
  PackedArguments arguments;
  if (options.json) {
    auto packed = pack_json_list(*options.json, options.job.keywords);
    if (!packed) return fail(ErrorCode::bad_value, "--json: " + packed.error().message);
    arguments = std::move(*packed);
  } else {
    auto packed = pack_words(options.args, options.job.keywords);
    if (!packed) return tl::make_unexpected(packed.error());
    arguments = std::move(*packed);
    for (const std::string& word : malformed_words(options.args)) {
      complain("'" + shortened(word, kShownWord) +
               "' is not valid JSON, so it is sent as text; use --json for strict JSON");
    }
  }
  return job_request(options.task, std::move(arguments), options.queue, options.job);
}

// When --timeout passes.
class Deadline {
 public:
  explicit Deadline(std::optional<std::chrono::milliseconds> timeout) {
    if (timeout) at_ = Clock::now() + *timeout;
  }
  [[nodiscard]] Timeout left() const {
    if (!at_) return std::nullopt;
    return std::max(std::chrono::milliseconds(0), std::chrono::ceil<std::chrono::milliseconds>(*at_ - Clock::now()));
  }

 private:
  std::optional<TimePoint> at_;
};

bool print_accepted(Output output, const Job<>& job, const Deadline& deadline) {
  const auto accepted = job.accepted(deadline.left());
  if (!accepted) {
    complain("job " + job.id().to_string() + " was not accepted: " + accepted.error().message);
    return false;
  }
  const std::string id = job.id().to_string();
  std::cout << (output == Output::json ? "{\"id\":\"" + id + "\"}\n" : id + '\n');
  return static_cast<bool>(std::cout);
}

// Prints the id of each job once the broker has accepted it.
int submit_only(Client& client, const CommonOptions& common, const SubmitOptions& options, const JobRequest& request) {
  const Deadline deadline(options.timeout);
  std::deque<Job<>> asked;
  bool all_accepted = true;
  for (std::uint64_t submitted = 0; all_accepted && (submitted < options.count || !asked.empty());) {
    if (submitted < options.count && asked.size() < kUnaccepted) {
      asked.push_back(client.submit(request));
      ++submitted;
    } else {
      all_accepted = print_accepted(common.output, asked.front(), deadline);
      asked.pop_front();
    }
  }
  std::cout << std::flush;
  return all_accepted ? 0 : 1;
}

// First waits until the job is accepted: only then is its id known, because an earlier job may hold its unique key.
std::shared_ptr<JobProgress> show_progress(Client& client, const Job<>& job, const Deadline& deadline) {
  auto shown = JobProgress::on_terminal();
  if (shown == nullptr || !job.accepted(deadline.left())) return nullptr;
  client.wait(
      job.id(), [](const Result<Outcome>&) {}, show_on(shown));
  return shown;
}

int submit_and_wait(Client& client, const CommonOptions& common, const SubmitOptions& options, JobRequest request) {
  const Deadline deadline(options.timeout);
  const Job<> job = client.submit(std::move(request));
  const auto shown = common.output == Output::text ? show_progress(client, job, deadline) : nullptr;
  const auto outcome = job.outcome(deadline.left());
  if (shown) shown->finish();
  if (outcome || outcome.error().code != ErrorCode::timed_out) {
    return print_outcome(common.output, job.id(), true, outcome) ? 0 : 1;
  }
  complain("job " + job.id().to_string() + " has not ended within " + duration_text(*options.timeout) +
           "; it continues: zebu-producer wait " + job.id().to_string());
  return 1;
}

struct Tally {
  std::uint64_t succeeded = 0;
  std::uint64_t failed = 0;
  std::uint64_t cancelled = 0;
  std::uint64_t expired = 0;
  std::optional<TaskError> first_error;

  void add(const Result<Outcome>& outcome) {
    if (outcome && outcome->state == JobState::succeeded) {
      ++succeeded;
    } else if (outcome && outcome->state == JobState::cancelled) {
      ++cancelled;
    } else if (outcome && outcome->state == JobState::expired) {
      ++expired;
    } else {
      ++failed;
      if (!first_error) first_error = outcome ? outcome->error : task_error_of(outcome.error());
    }
  }
};

void print_tally(Output output, const Tally& tally, double seconds) {
  const std::uint64_t jobs = tally.succeeded + tally.failed + tally.cancelled + tally.expired;
  const double rate = seconds > 0 ? static_cast<double>(jobs) / seconds : 0;
  if (output == Output::json) {
    std::cout << "{\"jobs\":" << jobs << ",\"succeeded\":" << tally.succeeded << ",\"failed\":" << tally.failed
              << ",\"cancelled\":" << tally.cancelled << ",\"expired\":" << tally.expired
              << ",\"seconds\":" << fixed_text(seconds, 6) << ",\"jobs_per_second\":" << fixed_text(rate, 1) << "}\n";
  } else {
    std::cout << count_text(jobs) << " jobs in " << fixed_text(seconds, 3) << " s (" << rate_text(rate)
              << "): " << count_text(tally.succeeded) << " succeeded, " << count_text(tally.failed) << " failed, "
              << count_text(tally.cancelled) << " cancelled, " << count_text(tally.expired) << " expired\n";
  }
  if (tally.first_error) complain("the first failure: " + plain_of(*tally.first_error));
}

int submit_many_and_wait(Client& client, const CommonOptions& common, const SubmitOptions& options,
                         const JobRequest& request) {
  const auto begin = Clock::now();
  Tally tally;
  std::uint64_t submitted = 0;
  const auto next = [&]() -> std::optional<JobRequest> {
    if (submitted == options.count) return std::nullopt;
    ++submitted;
    return request;
  };
  const auto finished = client.map(
      next, [&](std::size_t, const Result<Outcome>& outcome) { tally.add(outcome); }, kUnaccepted, options.timeout);
  print_tally(common.output, tally, std::chrono::duration<double>(Clock::now() - begin).count());
  if (!finished) complain("the other jobs did not end in time: " + finished.error().message);
  return finished && tally.succeeded == options.count ? 0 : 1;
}

}  // namespace

int run(const CommonOptions& common, const SubmitOptions& options) {
  const auto request = request_of(options);
  if (!request) {
    complain(request.error().message);
    return 2;
  }
  ClientOptions limits;
  limits.when_full = WhenFull::wait;
  const auto client = connect(common, std::move(limits));
  if (!client) return 1;
  if (!options.wait) return submit_only(*client, common, options, *request);
  if (options.count == 1) return submit_and_wait(*client, common, options, *request);
  return submit_many_and_wait(*client, common, options, *request);
}

}  // namespace zebu::producer
