#include "webfront/metrics.h"

#include "http/routes.h"
#include "http/server.h"
#include "webfront/gateway.h"

#include <array>

namespace zebu::webfront {
namespace {

using metrics::Row;

constexpr std::array kRows = {
    Row{"zebu_http_request_duration_seconds", "histogram", "route code",
        "From a request's last byte to its response; of none: no route, or no readable request"},
    Row{"zebu_http_connections", "gauge", "", "Open connections"},
    Row{"zebu_http_connections_accepted_total", "counter", "", "Connections accepted"},
    Row{"zebu_http_connections_refused_total", "counter", "", "Of them, those past --max-connections"},
    Row{"zebu_http_batches_total", "counter", "", "Batches of jobs"},
    Row{"zebu_http_batch_lines_total", "counter", "result",
        "Lines of batches: accepted, attached, refused or unconfirmed"},
    Row{"zebu_broker_connected", "gauge", "", "1 while there is a session with the broker"},
    Row{"zebu_requests_waiting", "gauge", "", "Requests that wait for the broker or a job"},
    Row{"zebu_loop_lag_seconds", "histogram", "", "How late the loop is for what it does once a second"},
};

std::string name_of_route(const http::Route* route) {
  if (route == nullptr) return "none";
  return std::string(name_of(route->method)) + " " + std::string(route->path);
}

}  // namespace

void Counts::answered(const http::Answered& answer) {
  metrics::Histogram*& found = found_[{answer.route, answer.status}];
  if (found == nullptr) found = &requests.at({name_of_route(answer.route), std::to_string(answer.status)});
  found->observe(answer.took);
}

std::span<const Row> all_metrics() { return kRows; }

std::string metrics_text(const Counts& counts, const Gateway& gateway, const http::Server& server) {
  metrics::Text text;
  std::size_t next = 0;
  const http::Server::Connected connected = server.connected();
  text.begin(kRows[next++]);
  counts.requests.for_each([&](std::string_view labels, const metrics::Histogram& times) { text.add(labels, times); });
  text.add(kRows[next++], std::uint64_t{connected.open});
  text.add(kRows[next++], connected.accepted);
  text.add(kRows[next++], connected.refused);
  text.add(kRows[next++], counts.batches);
  text.begin(kRows[next++]);
  text.add("result=\"accepted\"", counts.lines_accepted);
  text.add("result=\"attached\"", counts.lines_attached);
  text.add("result=\"refused\"", counts.lines_refused);
  text.add("result=\"unconfirmed\"", counts.lines_unconfirmed);
  text.add(kRows[next++], std::uint64_t{gateway.is_up()});
  text.add(kRows[next++], std::uint64_t{gateway.waiting()});
  text.add(kRows[next++], counts.lag);
  return text.take();
}

}  // namespace zebu::webfront
