#include "webfront/options.h"

#include "zebu/program/cli.h"
#include "zebu/version.h"

namespace zebu::webfront {

std::optional<int> parse_options(int argc, const char* const* argv, Options& options) {
  http::ServerOptions& http = options.http;
  http.name = "zebu-webfront/" + std::string(kVersion);
  CLI::App app("Serves HTTP, and runs the work behind it as jobs of a Zebu broker.", "zebu-webfront");
  cli::add_standard_options(app, options.log_level);
  app.add_option("--broker", options.broker, "the broker's endpoint for clients")
      ->check(cli::why_no_endpoint)
      ->capture_default_str();
  app.add_option("--listen", http.listen, "address and port to serve HTTP on; with port 0 the kernel chooses one")
      ->capture_default_str();
  cli::add_duration(app, "--liveness", options.liveness,
                    "time that the broker may be silent before the connection counts as lost");
  const auto add_size = [&app](const char* name, std::size_t& value, const char* help) {
    app.add_option(name, value, help)->transform(CLI::AsSizeValue(false))->capture_default_str();
  };
  add_size("--max-header", http.max_header, "largest request line and headers, in bytes");
  add_size("--max-body", http.max_body, "largest request body, in bytes");
  app.add_option("--max-connections", http.max_connections,
                 "most connections that may be open; further ones are refused with 503")
      ->check(CLI::Range(std::size_t{1}, std::size_t{1'000'000}))
      ->capture_default_str();
  cli::add_duration(app, "--header-timeout", http.header_timeout, "time limit for a request's headers to arrive");
  cli::add_duration(app, "--body-timeout", http.body_timeout, "time limit for a request's body to arrive");
  cli::add_duration(app, "--idle-timeout", http.idle_timeout, "time that a connection may be idle");
  cli::add_duration(app, "--max-wait", options.max_wait, "longest wait that Prefer: wait and ?wait= can request");
  cli::add_duration(app, "--grace", http.grace, "time that running requests have to finish when the server stops");
  app.add_flag("--check", options.check, "ask the front end at --listen whether it is healthy, and exit with 0 or 1")
      ->configurable(false);
  return cli::parse(app, argc, argv);
}

}  // namespace zebu::webfront
