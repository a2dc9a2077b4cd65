#include "webfront/options.h"

#include "zebu/program/cli.h"
#include "zebu/version.h"

namespace zebu::webfront {

std::optional<int> parse_options(int argc, const char* const* argv, Options& options) {
  http::ServerOptions& http = options.http;
  http.name = "zebu-webfront/" + std::string(kVersion);
  cli::Program app("Serves HTTP, and runs the work behind it as jobs of a Zebu broker.", "zebu-webfront",
                   options.log_level);
  app.log_format(options.log_format);
  app.endpoint("--broker", options.broker, "the broker's endpoint for clients");
  app.option("--listen", http.listen, "address and port to serve HTTP on; with port 0 the kernel chooses one")
      .shows_default();
  app.option("--allowed-hosts", http.allowed_hosts,
             "further names that requests may have as their Host: a,b; * allows all. Addresses and names without a dot "
             "are always allowed")
      .separated_by(',')
      .type_name("NAMES");
  app.duration("--liveness", options.liveness,
               "time that the broker may be silent before the connection counts as lost");
  app.option("--max-header", http.max_header, "largest request line and headers, in bytes").as_size().shows_default();
  app.option("--max-body", http.max_body, "largest request body, in bytes").as_size().shows_default();
  app.option("--max-connections", http.max_connections,
             "most connections that may be open; further ones are refused with 503")
      .range(1, 1'000'000)
      .shows_default();
  app.option("--max-buffered", http.max_buffered,
             "most bytes of requests and unread responses that all connections may hold, beyond 16 KiB each; further "
             "requests "
             "get 503")
      .as_size()
      .shows_default();
  app.duration("--header-timeout", http.header_timeout, "time limit for a request's headers to arrive");
  app.duration("--body-timeout", http.body_timeout, "time limit for a request's body to arrive");
  app.duration("--idle-timeout", http.idle_timeout, "time that a connection may be idle");
  app.duration("--max-wait", options.max_wait, "longest wait that Prefer: wait and ?wait= can request");
  app.duration("--drain-delay", options.drain_delay,
               "time from the signal to stop until no more connections are accepted; /readyz fails meanwhile");
  app.duration("--grace", http.grace, "time that running requests have to finish when the server stops");
  app.flag("--check", options.check, "ask the front end at --listen whether it is healthy, and exit with 0 or 1")
      .not_configurable();
  return app.parse(argc, argv);
}

}  // namespace zebu::webfront
