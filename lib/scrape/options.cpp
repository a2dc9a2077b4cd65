#include "scrape/options.h"

#include "http/listen_address.h"

namespace zebu::scrape {
namespace {

// A port alone is one of loopback.
std::string with_host(const std::string& text) {
  if (text.starts_with(':')) return "127.0.0.1" + text;
  return text.find(':') == std::string::npos ? "127.0.0.1:" + text : text;
}

std::string read_address(const std::string& text, std::string& to) {
  const std::string listen = with_host(text);
  const auto parsed = http::parse_listen_address(listen);
  if (!parsed) return parsed.error().message;
  to = listen;
  return {};
}

}  // namespace

void add_options(cli::Command& app, Options& options) {
  app.heading("Metrics");
  app.option(
         "--metrics", [&options](const std::string& text) { return read_address(text, options.listen); },
         "address and port to serve metrics for Prometheus on, at /metrics: PORT alone is one of 127.0.0.1; without "
         "it there are none")
      .type_name("[ADDRESS:]PORT");
  app.option("--metrics-hosts", options.hosts,
             "further names that requests for metrics may have as their Host: a,b; * allows all. Addresses and names "
             "without a dot are always allowed")
      .separated_by(',')
      .type_name("NAMES");
  app.option("--metric-series", options.series,
             "most series of a metric by queue or task; further queues and tasks are counted together as other")
      .range(1, 1'000'000)
      .shows_default();
}

}  // namespace zebu::scrape
