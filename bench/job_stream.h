#pragma once

#include "bench/figures.h"
#include "zebu/client_session.h"

#include <boost/asio/io_context.hpp>

#include <functional>
#include <optional>
#include <string>

namespace zebu::bench {

// Submits jobs that nobody waits for, as fast as the broker accepts them: a bounded number of them is not accepted yet,
// and full batches leave.
class JobStream {
 public:
  using Next = std::function<JobRequest(std::uint64_t number)>;
  // `accepted` is how many are accepted by now.
  using OnAccepted = std::function<void(std::uint64_t accepted)>;

  JobStream(ClientOptions options, std::uint64_t count, Next next, OnAccepted on_accepted);

  // Until all are accepted. Throws when one was refused.
  void run();

 private:
  void submit_more();

  std::uint64_t count_;
  Next next_;
  OnAccepted on_accepted_;
  std::uint64_t submitted_ = 0;
  std::uint64_t accepted_ = 0;
  std::optional<Error> refused_;
  boost::asio::io_context loop_;
  SocketContext context_;
  ClientSession session_;
};

}  // namespace zebu::bench
