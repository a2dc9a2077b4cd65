#include "zebu/program/notify.h"

#include "zebu/program/visible_text.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <unistd.h>
#include <utility>

// The protocol is that of sd_notify(3); a datagram of a few bytes needs no library.
namespace zebu {
namespace {

// The variable, which is removed.
std::string take_variable(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): no thread has started
  std::string taken = value == nullptr ? "" : value;
  ::unsetenv(name);  // NOLINT(concurrency-mt-unsafe)
  return taken;
}

std::optional<long long> number_in(const std::string& text) {
  long long number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() ? std::optional(number) : std::nullopt;
}

}  // namespace

Notifier::Notifier() {
  address_ = take_variable("NOTIFY_SOCKET");
  const std::string limit = take_variable("WATCHDOG_USEC");
  const std::string process = take_variable("WATCHDOG_PID");
  const bool is_address = (address_.starts_with('/') || address_.starts_with('@')) && address_.size() > 1 &&
                          address_.size() < sizeof(sockaddr_un::sun_path);
  if (!is_address) return;
  if (address_.front() == '@') address_.front() = '\0';
  socket_ = Descriptor(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const bool is_for_us = process.empty() || number_in(process) == ::getpid();
  if (const auto microseconds = number_in(limit); is_for_us && microseconds && *microseconds > 0) {
    watchdog_ = std::chrono::microseconds(*microseconds);
  }
}

std::chrono::milliseconds Notifier::pace() const {
  constexpr std::chrono::milliseconds kPace{1000};
  if (!watchdog_) return kPace;
  const auto third = std::chrono::duration_cast<std::chrono::milliseconds>(*watchdog_ / 3);
  return std::clamp(third, std::chrono::milliseconds(1), kPace);
}

bool Notifier::send(std::string_view words) const {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, address_.data(), address_.size());
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + address_.size());
  return ::sendto(socket_.get(), words.data(), words.size(), MSG_NOSIGNAL | MSG_DONTWAIT,
                  reinterpret_cast<const sockaddr*>(&address), size) >= 0;
}

void Notifier::flush() {
  if (!unsent_.empty() && send(unsent_)) unsent_.clear();
}

void Notifier::ready() {
  if (!is_heard() || std::exchange(is_ready_, true)) return;
  unsent_ += "READY=1\n";
  flush();
}

void Notifier::stopping() {
  if (!is_heard()) return;
  unsent_ += "STOPPING=1\n";
  flush();
}

void Notifier::tell(std::string_view status, bool is_alive) {
  if (!is_heard()) return;
  flush();
  if (watchdog_ && is_alive) static_cast<void>(send("WATCHDOG=1\n"));
  if (status_ == status) return;
  const std::string line = "STATUS=" + visible(status, Lines::one) + "\n";
  if (send(line)) status_ = status;
}

}  // namespace zebu
