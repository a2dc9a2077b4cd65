#pragma once

#include "http/cancellation.h"
#include "http/request.h"
#include "zebu/awaitable.h"

namespace zebu::webfront {

// Ends a handler's wait for the broker when its request is cancelled: the client has hung up, or the server must end. A
// handler makes one at its beginning; a request has one at a time.
class RequestInterrupt : public Interrupt {
 public:
  explicit RequestInterrupt(const http::Request& request) : cancellation_(*request.cancellation) {
    cancellation_.listen([this](const Error& why) { raise(why); });
  }
  ~RequestInterrupt() { cancellation_.listen({}); }
  RequestInterrupt(const RequestInterrupt&) = delete;
  RequestInterrupt& operator=(const RequestInterrupt&) = delete;

 private:
  http::Cancellation& cancellation_;
};

}  // namespace zebu::webfront
