#pragma once

#include "http/request.h"
#include "http/response.h"
#include "webfront/tokens.h"
#include "zebu/asio.h"
#include "zebu/thread_annotations.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <sys/stat.h>

#include <memory>
#include <optional>
#include <string>

namespace zebu::webfront {

// Lets a request through to its route if its token has the route's right. The file of tokens is read again within a
// second after it has changed: who is not in it any more gets nothing more. If the new one cannot be read, the tokens
// of before hold on, and the log says why.
//
// One thread, the loop's, where nothing else is said.
class Guard {
 public:
  // file: empty: everybody may do everything.
  Guard(boost::asio::io_context& loop, std::string file) : file_(std::move(file)), timer_(loop) {}

  // Fails if there is a file and it cannot be read.
  [[nodiscard]] Result<void> start();
  // Looks at the file no more, so that the loop can end.
  void stop() { timer_.cancel(); }
  [[nodiscard]] bool has_file() const { return !file_.empty(); }
  // Reads the file now, whether or not it has changed.
  void reload();

  // Why the request must not be served.
  [[nodiscard]] std::optional<http::Response> refuse(const http::Request& request, Right right) const {
    return refuse(request, right, tokens_.get());
  }
  // The same for any other thread.
  [[nodiscard]] std::optional<http::Response> refuse_elsewhere(const http::Request& request, Right right) const;

 private:
  [[nodiscard]] Result<void> load();
  void watch();
  [[nodiscard]] std::optional<http::Response> refuse(const http::Request& request, Right right,
                                                     const Tokens* tokens) const;

  const std::string file_;
  boost::asio::steady_timer timer_;
  std::shared_ptr<const Tokens> tokens_;  // the loop's
  mutable Mutex mutex_;
  std::shared_ptr<const Tokens> newest_ ZEBU_GUARDED_BY(mutex_);  // the same, for others
  struct stat seen_ {};                                           // of the file that was read last, or tried
};

}  // namespace zebu::webfront
