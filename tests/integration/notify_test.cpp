#include "zebu/program/notify.h"

#include "tests/support/catch.h"
#include "tests/support/notify_socket.h"

#include <cstdlib>

using namespace std::chrono_literals;
using namespace zebu;
using zebu::test::NotifySocket;

namespace {

// NOTIFY_SOCKET and the others, as a service manager sets them.
Notifier notifier(const std::string& address, const char* watchdog = nullptr, const std::string& process = "") {
  ::setenv("NOTIFY_SOCKET", address.c_str(), 1);
  if (watchdog != nullptr) ::setenv("WATCHDOG_USEC", watchdog, 1);
  if (!process.empty()) ::setenv("WATCHDOG_PID", process.c_str(), 1);
  Notifier made;
  for (const char* name : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"}) CHECK(std::getenv(name) == nullptr);
  return made;
}

}  // namespace

TEST_CASE("a notifier tells the socket of NOTIFY_SOCKET, by a path or an abstract address") {
  const bool is_abstract = GENERATE(false, true);
  NotifySocket socket(is_abstract);
  Notifier made = notifier(socket.address(), "3000000", std::to_string(::getpid()));
  CHECK(made.is_heard());
  CHECK(made.pace() == 1s);
  made.ready();
  made.ready();
  CHECK(socket.read() == "READY=1\n");
  made.tell("3 running\n\x1b, 0 queued");
  CHECK(socket.read() == "WATCHDOG=1\n");
  CHECK(socket.read() == "STATUS=3 running\\n\\x1b, 0 queued\n");
  made.tell("3 running\n\x1b, 0 queued");
  made.tell("idle", false);
  CHECK(socket.read() == "WATCHDOG=1\n");
  CHECK(socket.read() == "STATUS=idle\n");
  made.stopping();
  CHECK(socket.read() == "STOPPING=1\n");
}

TEST_CASE("a watchdog for another process, or with a value that is none, is not ours") {
  NotifySocket socket;
  Notifier made = GENERATE(0, 1) == 0 ? notifier(socket.address(), "300000", "1") : notifier(socket.address(), "soon");
  made.tell("idle");
  CHECK(socket.read() == "STATUS=idle\n");
}

TEST_CASE("a short watchdog is told three times in its time") {
  NotifySocket socket;
  CHECK(notifier(socket.address(), "300000").pace() == 100ms);
}

TEST_CASE("without a socket that can be used a notifier does nothing") {
  for (const std::string& address : {std::string(), std::string("relative"), std::string("@"), std::string(200, '/')}) {
    Notifier made = notifier(address);
    CHECK_FALSE(made.is_heard());
    made.ready();
    made.tell("idle");
  }
}

TEST_CASE("a notifier that nobody reads does not wait, and says READY again when there is room") {
  NotifySocket socket;
  Notifier made = notifier(socket.address());
  // Fill what the kernel keeps.
  for (int i = 0; i < 100'000; ++i) made.tell(std::to_string(i));
  made.ready();
  std::string all;
  for (int i = 0; i < 100'000 && all.find("READY=1") == std::string::npos; ++i) {
    made.tell("again " + std::to_string(i));
    all = socket.read();
  }
  CHECK(all.find("READY=1") != std::string::npos);
}
