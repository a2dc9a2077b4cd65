#include "producer/commands/tally.h"

#include "producer/text/complain.h"
#include "producer/text/readable.h"
#include "producer/text/value_json.h"

#include <iostream>

namespace zebu::producer {

void Tally::add(const Result<Outcome>& outcome) {
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

void print_tally(Output output, const Tally& tally, double seconds) {
  const std::uint64_t jobs = tally.succeeded + tally.failed + tally.cancelled + tally.expired;
  const double rate = seconds > 0 ? static_cast<double>(jobs) / seconds : 0;
  if (output == Output::json) {
    std::cout << "{\"jobs\":" << jobs << ",\"succeeded\":" << tally.succeeded << ",\"failed\":" << tally.failed
              << ",\"cancelled\":" << tally.cancelled << ",\"expired\":" << tally.expired
              << ",\"seconds\":" << fixed_text(seconds, 6) << ",\"jobs_per_second\":" << fixed_text(rate, 1) << "}\n";
  } else {
    std::cout << counted(jobs, "job") << " in " << fixed_text(seconds, 3) << " s (" << rate_text(rate)
              << "): " << count_text(tally.succeeded) << " succeeded, " << count_text(tally.failed) << " failed, "
              << count_text(tally.cancelled) << " cancelled, " << count_text(tally.expired) << " expired\n";
  }
  if (tally.first_error) complain("the first failure: " + plain_of(*tally.first_error));
}

}  // namespace zebu::producer
