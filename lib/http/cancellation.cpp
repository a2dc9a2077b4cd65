#include "http/cancellation.h"

#include <utility>

namespace zebu::http {

void Cancellation::listen(Listener listener) {
  listener_ = std::move(listener);
  if (why_ && listener_) listener_(*why_);
}

void Cancellation::raise(Ending why) {
  if (why_) return;
  why_ = why;
  if (listener_) listener_(why);
}

}  // namespace zebu::http
