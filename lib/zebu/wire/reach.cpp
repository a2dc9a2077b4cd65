#include "zebu/wire/reach.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <condition_variable>
#include <csignal>
#include <cstring>
#include <mutex>
#include <netdb.h>
#include <poll.h>
#include <string_view>
#include <system_error>
#include <thread>
#include <unistd.h>

namespace zebu {
namespace {

constexpr std::chrono::milliseconds kConnect{3000};
constexpr std::chrono::milliseconds kGreeting{1000};
// A server that reads lines answers what ends one.
constexpr std::chrono::milliseconds kEndOfLine{500};

class Socket {
 public:
  explicit Socket(int descriptor) : descriptor_(descriptor) {}
  ~Socket() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  [[nodiscard]] int get() const { return descriptor_; }

 private:
  int descriptor_;
};

struct FreeAddresses {
  void operator()(addrinfo* all) const { ::freeaddrinfo(all); }
};

bool is_ready(int descriptor, short events, std::chrono::milliseconds limit) {
  const TimePoint end = Clock::now() + limit;
  while (true) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now()).count();
    pollfd item{descriptor, events, 0};
    const int ready = ::poll(&item, 1, static_cast<int>(std::max<std::chrono::milliseconds::rep>(0, left)));
    if (ready >= 0 || errno != EINTR) return ready > 0;
  }
}

// 0, or the error number.
int connect_to(const Socket& socket, const addrinfo& address) {
  if (socket.get() < 0) return errno;
  if (::connect(socket.get(), address.ai_addr, address.ai_addrlen) == 0) return 0;
  if (errno != EINPROGRESS) return errno;
  if (!is_ready(socket.get(), POLLOUT, kConnect)) return ETIMEDOUT;
  int error = 0;
  socklen_t size = sizeof error;
  ::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &error, &size);
  return error;
}

void say(const Socket& socket, std::string_view what) {
  static_cast<void>(::send(socket.get(), what.data(), what.size(), MSG_NOSIGNAL | MSG_DONTWAIT));
}

// What the program there says first: unset if it is silent, empty if it ends the connection.
std::optional<std::string> first_words(const Socket& socket) {
  // Signature, version 3.0, mechanism NULL: https://rfc.zeromq.org/spec/23
  std::string greeting(64, '\0');
  greeting.replace(0, 1, "\xff").replace(9, 1, "\x7f").replace(10, 1, "\x03").replace(12, 4, "NULL");
  say(socket, greeting);
  if (!is_ready(socket.get(), POLLIN, kGreeting)) {
    say(socket, "\r\n\r\n");
    if (!is_ready(socket.get(), POLLIN, kEndOfLine)) return std::nullopt;
  }
  std::array<char, 64> bytes{};
  const ssize_t n = ::recv(socket.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
  return std::string(bytes.data(), static_cast<std::size_t>(std::max<ssize_t>(0, n)));
}

Finding judge(const std::optional<std::string>& words, const std::string& where) {
  if (!words) {
    return {"silent", "a connection to " + where +
                          " is accepted, but nobody says anything there: is the broker stopped, or is it another "
                          "program?"};
  }
  if (words->empty()) return {"closed", "the program at " + where + " ends the connection: it is not a broker"};
  if (words->starts_with("HTTP/")) {
    return {"http", "an HTTP server answers at " + where +
                        ": the broker has other ports, by default 5555 for clients "
                        "and 5556 for consumers"};
  }
  if (words->front() != '\xff')
    return {"foreign", "the program at " + where + " is not a broker: it does not speak ZeroMQ"};
  return {"no_welcome", "a ZeroMQ socket answers at " + where +
                            ", but no broker behind it: it may be busy or read its store, or be another program"};
}

Finding look_at(const std::string& endpoint) {
  constexpr std::string_view kScheme = "tcp://";
  const std::size_t colon = endpoint.rfind(':');
  if (!endpoint.starts_with(kScheme) || colon <= kScheme.size()) {
    return {"no_welcome", "no broker answers at " + endpoint};
  }
  std::string host = endpoint.substr(kScheme.size(), colon - kScheme.size());
  if (host.size() > 2 && host.front() == '[') host = host.substr(1, host.size() - 2);
  const std::string port = endpoint.substr(colon + 1);
  const std::string where = host + ":" + port;

  addrinfo hints{};
  hints.ai_family = AF_INET;  // as ZeroMQ's sockets do
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* all = nullptr;
  if (const int error = ::getaddrinfo(host.c_str(), port.c_str(), &hints, &all); error != 0) {
    return {"unknown_name", "the name '" + host + "' does not resolve: " + ::gai_strerror(error)};
  }
  const std::unique_ptr<addrinfo, FreeAddresses> addresses(all);
  const Socket socket(::socket(all->ai_family, all->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, all->ai_protocol));
  const int error = connect_to(socket, *all);
  if (error == 0) return judge(first_words(socket), where);
  if (error == ECONNREFUSED) {
    return {"refused", "the connection to " + where + " is refused: no program listens there"};
  }
  if (error == ETIMEDOUT) {
    return {"timed_out", "the connection to " + where + " times out: is there a firewall, or is the machine off?"};
  }
  return {"unreachable", "no connection to " + where + ": " + std::generic_category().message(error)};
}

}  // namespace

struct Look::State {
  std::mutex mutex;
  std::condition_variable changed;
  std::optional<Finding> finding;
};

Look::Look(std::string endpoint) : state_(std::make_shared<State>()) {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);  // signals are for the program's other threads
  std::thread([state = state_, endpoint = std::move(endpoint)] {
    Finding finding = look_at(endpoint);
    const std::lock_guard lock(state->mutex);
    state->finding = std::move(finding);
    state->changed.notify_all();
  }).detach();
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

std::optional<Finding> Look::finding() const {
  const std::lock_guard lock(state_->mutex);
  return state_->finding;
}

std::optional<Finding> Look::wait_until(TimePoint deadline) const {
  std::unique_lock lock(state_->mutex);
  state_->changed.wait_until(lock, deadline, [this] { return state_->finding.has_value(); });
  return state_->finding;
}

}  // namespace zebu
