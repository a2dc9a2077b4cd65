#include "http/cancellation.h"

namespace zebu::http {

void Cancellation::listen(Listener listener) {
  listener_ = std::move(listener);
  if (why_ && listener_) listener_(*why_);
}

void Cancellation::raise(Error why) {
  if (why_) return;
  why_ = std::move(why);
  if (listener_) listener_(*why_);
}

}  // namespace zebu::http
