#include "webfront/options.h"

#include "http/listen_address.h"
#include "zebu/program/cli.h"
#include "zebu/version.h"
#include "zebu/wire/message.h"

namespace zebu::webfront {
namespace {

constexpr std::uint64_t kMaxLimit = 1ULL << 40;  // of sizes: none is larger in earnest

constexpr std::chrono::milliseconds kShortest{1};  // of time limits: none would end everything

std::string read_right(Rights& rights, const std::string& text) {
  const auto right = parse_right(text);
  if (!right) return "there are the rights read, submit and operate, not '" + text + "'";
  rights.add(*right);
  return {};
}

void add_token_command(cli::Command& app, Options& options) {
  cli::Command token = app.subcommand("token", "make a token, add it to the file of --tokens, and print it");
  token.option("NAME", options.token.name, "whom the token is for").required();
  token
      .list(
          "--rights", [&](const std::string& text) { return read_right(options.token.rights, text); },
          "what the token may do: read, submit, operate")
      .separated_by(',')
      .required()
      .type_name("RIGHTS");
  token.duration("--expires", options.token.expires, "how long the token is valid; without it until it is removed")
      .between(std::chrono::milliseconds(1000), kMaxDuration);
  token.example("zebu-webfront token ci --rights submit --tokens /etc/zebu/tokens.toml",
                "the token is shown once; the file has only its hash");
  token.on_chosen([] {},
                  [&options]() -> std::optional<cli::UsageError> {
                    if (!options.tokens.empty()) return std::nullopt;
                    return cli::UsageError{"--tokens", "needs the file that the token is to be added to"};
                  });
}

// Whoever can connect could run jobs and operate the broker.
std::optional<cli::UsageError> check_open_door(const Options& options) {
  const bool is_meant = options.no_auth || !options.tokens.empty() || options.check || !options.token.name.empty();
  if (is_meant) return std::nullopt;
  const auto refuse = [](const std::string& option, const std::string& listen) {
    return cli::UsageError{option, "'" + listen +
                                       "' can be reached from other machines: give --tokens FILE (zebu-webfront "
                                       "token makes tokens), or --no-auth if everybody who reaches it may do "
                                       "everything"};
  };
  if (!http::is_loopback(options.http.listen)) return refuse("--listen", options.http.listen);
  if (options.metrics.is_on() && !http::is_loopback(options.metrics.listen)) {
    return refuse("--metrics", options.metrics.listen);
  }
  return std::nullopt;
}

std::string why_no_address(const std::string& text) {
  const auto parsed = http::parse_listen_address(text);
  return parsed ? std::string() : parsed.error().message;
}

}  // namespace

std::optional<int> parse_options(int argc, const char* const* argv, Options& options) {
  http::ServerOptions& http = options.http;
  http.name = "zebu-webfront/" + std::string(kVersion);
  cli::Program app("Serves HTTP, and runs the work behind it as jobs of a Zebu broker.", "zebu-webfront",
                   options.log_level);
  app.log_format(options.log_format);
  app.version_note("protocol " + std::to_string(message::kMajor) + "." + std::to_string(message::kMinor));
  app.endpoint("--broker", options.broker, "the broker's endpoint for clients");
  app.option("--listen", http.listen, "address and port to serve HTTP on; with port 0 the kernel chooses one")
      .check(why_no_address)
      .type_name("ADDRESS:PORT")
      .shows_default();
  app.option("--allowed-hosts", http.allowed_hosts,
             "further names that requests may have as their Host: a,b; * allows all. Addresses and names without a dot "
             "are always allowed")
      .separated_by(',')
      .type_name("NAMES");
  const cli::Option tokens =
      app.option("--tokens", options.tokens,
                 "file of the tokens that requests need, and of what each may do; it is read again when it changes. "
                 "Without one everybody may do everything")
          .type_name("FILE")
          .completed_with(cli::Completes::files);
  app.flag("--no-auth", options.no_auth, "serve other machines without tokens: everybody may do everything")
      .excludes(tokens);
  app.duration("--liveness", options.liveness,
               "time that the broker may be silent before the connection counts as lost")
      .between(std::chrono::milliseconds(100), kMaxDuration);
  app.heading("HTTP");
  app.size("--max-header", http.max_header, "largest request line and headers").range(64, kMaxLimit);
  app.size("--max-body", http.max_body, "largest request body").range(1, kMaxLimit);
  app.option("--max-connections", http.max_connections,
             "most connections that may be open; further ones are refused with 503")
      .range(1, 1'000'000)
      .shows_default();
  app.size("--max-buffered", http.max_buffered,
           "most bytes of requests and unread responses that all connections may hold, beyond 16 KiB each; further "
           "requests get 503")
      .range(1, kMaxLimit);
  app.duration("--header-timeout", http.header_timeout, "time limit for a request's headers to arrive")
      .between(kShortest, kMaxDuration);
  app.duration("--body-timeout", http.body_timeout, "time limit for a request's body to arrive")
      .between(kShortest, kMaxDuration);
  app.duration("--idle-timeout", http.idle_timeout, "time that a connection may be idle")
      .between(kShortest, kMaxDuration);
  app.duration("--max-wait", options.max_wait, "longest wait that Prefer: wait and ?wait= can request");
  app.duration("--drain-delay", options.drain_delay,
               "time from the signal to stop until no more connections are accepted; /readyz fails meanwhile");
  app.duration("--grace", http.grace, "time that running requests have to finish when the server stops");
  scrape::add_options(app, options.metrics);
  app.flag("--check", options.check, "ask the front end at --listen whether it is healthy, and exit with 0 or 1")
      .not_configurable();
  add_token_command(app, options);
  app.check([&options] { return check_open_door(options); });
  app.example("zebu-webfront --listen '*:8080' --tokens /etc/zebu/tokens.toml",
              "serve HTTP on every address, to those who have a token");
  app.example("zebu-webfront --check", "for a container's health check");
  return app.parse(argc, argv);
}

}  // namespace zebu::webfront
