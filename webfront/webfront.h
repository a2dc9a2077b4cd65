#pragma once

#include "webfront/options.h"
#include "zebu/error.h"
#include "zebu/program/notify.h"

#include <functional>
#include <memory>
#include <string>

namespace zebu {
class StopSignal;
}

namespace zebu::webfront {

// The whole front end: one loop that serves HTTP and talks to the broker.
class Webfront {
 public:
  // `options` outlives it.
  explicit Webfront(const Options& options);
  ~Webfront();

  // Listens, and connects to the broker. Fails only if an option is wrong or the address is taken: an unreachable
  // broker is not an error.
  [[nodiscard]] Result<void> start();
  // "127.0.0.1:40123"
  [[nodiscard]] std::string address() const;
  // The same of --metrics; empty without it.
  [[nodiscard]] std::string metrics_address() const;
  // Serves until `stop` has a signal, calls `stopping` with its number, and returns when the running requests have
  // ended. With a file of tokens SIGHUP reads that instead. The notifier hears of the loop about once a second.
  void run(const StopSignal& stop, Notifier& notifier, const std::function<void(int signal)>& stopping);

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace zebu::webfront
