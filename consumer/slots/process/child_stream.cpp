#include "consumer/slots/process/child_stream.h"

#include "consumer/slots/process/leftovers.h"

#include <sys/socket.h>

#include <cerrno>
#include <poll.h>
#include <string>
#include <time.h>
#include <unistd.h>

namespace zebu::consumer {

// If the parent is gone, nobody needs the outcomes: the process ends at once, with any job that runs. A process that
// dies closes its streams a moment before its children get another parent.
void ChildStream::exit_closed() const {
  constexpr int kLooks = 500;
  for (int look = 0; look < kLooks; ++look) {
    if (::getppid() != parent_) Leftovers::end_all();
    const timespec pause{0, 2'000'000};
    ::nanosleep(&pause, nullptr);
  }
  exit_broken("closed a stream between its slot and the consumer");
}

// Only a task can have made the descriptor non-blocking.
void ChildStream::wait_for(short events) const {
  pollfd item{descriptor(), events, 0};
  ::poll(&item, 1, -1);
}

void ChildStream::send(const protocol::FromChild& message) {
  const std::lock_guard lock(send_mutex_);
  std::string bytes;
  append(bytes, message, sent_);
  for (std::size_t sent = 0; sent < bytes.size();) {
    const ssize_t n = ::send(descriptor(), bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
    if (n >= 0) {
      sent += static_cast<std::size_t>(n);
    } else if (errno == EAGAIN) {
      wait_for(POLLOUT);
    } else if (errno != EINTR) {
      exit_closed();
    }
  }
}

bool ChildStream::receive(int flags, const std::function<void(const protocol::ToChild&)>& handle) {
  char bytes[kReadSize];
  ssize_t n = 0;
  while ((n = ::recv(descriptor(), bytes, sizeof bytes, flags)) < 0) {
    if (errno == EAGAIN && (flags & MSG_DONTWAIT) != 0) return false;
    if (errno == EAGAIN) {
      wait_for(POLLIN);
    } else if (errno != EINTR) {
      exit_closed();
    }
  }
  if (n == 0) exit_closed();
  frames_.append(bytes, static_cast<std::size_t>(n));
  while (true) {
    const auto frame = frames_.next();
    if (frame && !*frame) return static_cast<std::size_t>(n) == sizeof bytes;
    const auto message = frame ? decoder_.to_child(**frame) : tl::make_unexpected(frame.error());
    if (!message) exit_broken(("read from a descriptor of its slot: " + message.error().message).c_str());
    handle(*message);
  }
}

}  // namespace zebu::consumer
