#include "webfront/options.h"

#include "zebu/program/cli.h"

namespace zebu::webfront {

std::optional<int> parse_options(int argc, const char* const* argv, Options& options) {
  CLI::App app("Serves HTTP and hands the work behind it to a Zebu broker.", "zebu-webfront");
  cli::add_standard_options(app, options.log_level);
  app.add_option("--broker", options.broker, "the broker's endpoint for clients")
      ->check(cli::why_no_endpoint)
      ->capture_default_str();
  app.add_option("--listen", options.listen, "address and port to serve HTTP on; port 0 lets the kernel choose")
      ->capture_default_str();
  cli::add_duration(app, "--liveness", options.liveness, "how long the broker may be silent before it is away");
  const auto add_size = [&app](const char* name, std::size_t& value, const char* help) {
    app.add_option(name, value, help)->transform(CLI::AsSizeValue(false))->capture_default_str();
  };
  add_size("--max-header", options.max_header, "bytes of a request's line and headers");
  add_size("--max-body", options.max_body, "bytes of a request's body");
  app.add_option("--max-connections", options.max_connections, "open connections; more are refused with 503")
      ->check(CLI::Range(std::size_t{1}, std::size_t{1'000'000}))
      ->capture_default_str();
  cli::add_duration(app, "--header-timeout", options.header_timeout, "time for a request's headers to come");
  cli::add_duration(app, "--body-timeout", options.body_timeout, "time for a request's body to come");
  cli::add_duration(app, "--idle-timeout", options.idle_timeout, "time that a connection may do nothing");
  cli::add_duration(app, "--max-wait", options.max_wait, "longest time that Prefer: wait and ?wait= may ask for");
  cli::add_duration(app, "--grace", options.grace, "time that running requests have to finish when told to stop");
  app.add_flag("--check", options.check, "ask the front end at --listen for its health, and stop: exit code 0 or 1")
      ->configurable(false);
  return cli::parse(app, argc, argv);
}

}  // namespace zebu::webfront
