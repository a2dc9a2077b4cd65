#include "bench/job_stream.h"

#include <stdexcept>

namespace zebu::bench {
namespace {

constexpr std::uint64_t kUnaccepted = 10'000;
// New ones are made when so many have room, so that they leave together.
constexpr std::uint64_t kBatch = 1'000;

}  // namespace

JobStream::JobStream(ClientOptions options, std::uint64_t count, Next next, OnAccepted on_accepted)
    : count_(count),
      next_(std::move(next)),
      on_accepted_(std::move(on_accepted)),
      session_(loop_, context_, std::move(options)) {}

void JobStream::run() {
  if (const auto started = session_.start(); !started) throw std::runtime_error(started.error().message);
  submit_more();
  loop_.run();
  if (refused_) throw std::runtime_error("a job was refused: " + refused_->message);
}

void JobStream::submit_more() {
  while (submitted_ < count_ && submitted_ - accepted_ < kUnaccepted) {
    session_.submit(
        next_(submitted_++),
        [this](const Result<JobId>& accepted) {
          if (!accepted) {
            refused_ = accepted.error();
            loop_.stop();
            return;
          }
          on_accepted_(++accepted_);
          if (accepted_ == count_) return session_.close();
          if (submitted_ - accepted_ <= kUnaccepted - kBatch) submit_more();
        },
        nullptr);
  }
}

}  // namespace zebu::bench
