#include "broker/server/metrics.h"

#include "consumer/metrics.h"
#include "scrape/process_metrics.h"
#include "tests/support/catch.h"
#include "tests/support/eventually.h"
#include "tests/support/http_jobs.h"
#include "tests/support/metrics.h"
#include "tests/support/paths.h"
#include "tests/support/peer.h"
#include "tests/support/stack.h"
#include "webfront/metrics.h"

#include <csignal>
#include <filesystem>
#include <set>

// What the programs tell Prometheus, and that each number moves when what it counts happens.
using namespace zebu::test;
using namespace std::chrono_literals;

namespace {

// The port of --metrics, which a program's ready line names.
std::uint16_t metrics_port(Process& of, const std::string& name) {
  const std::string address = ready_field(of.wait_for_line(name + " ready"), "metrics");
  REQUIRE(address.starts_with("http://127.0.0.1:"));
  return static_cast<std::uint16_t>(std::stoul(address.substr(address.rfind(':') + 1)));
}

Metrics metrics_at(std::uint16_t port) {
  const HttpReply reply = http_get(port, "/metrics");
  if (reply.status != 200) throw std::runtime_error(std::to_string(reply.status) + " " + reply.body);
  return Metrics(reply.body);
}

// Whether the condition holds for the metrics soon: the programs renew them once a second.
template <class Condition>
bool soon(std::uint16_t port, Condition&& condition) {
  return eventually([&] { return condition(metrics_at(port)); }, 10s);
}

bool rises_to(std::uint16_t port, const std::string& series, double value) {
  const bool is_there = soon(port, [&](const Metrics& m) { return m[series] == value; });
  if (!is_there) UNSCOPED_INFO(series << " is " << metrics_at(port)[series] << ", not " << value);
  return is_there;
}

void check_rows(const Metrics& metrics, std::vector<std::span<const zebu::metrics::Row>> tables) {
  std::size_t count = 0;
  for (const auto& table : tables) {
    count += table.size();
    for (const zebu::metrics::Row& row : table) {
      INFO(row.name);
      CHECK(metrics.types().at(std::string(row.name)) == row.type);
    }
  }
  CHECK(metrics.types().size() == count);
}

StackOptions with_metrics() {
  StackOptions options = two_slots();
  options.broker = {"--metrics", "0", "--liveness", "500ms", "--queue-limit", "100"};
  options.webfront = {"--metrics", ":0"};
  return options;
}

}  // namespace

TEST_CASE("the broker's metrics move with its jobs, consumers, errors and commits") {
  Stack stack(with_metrics());
  const std::uint16_t port = metrics_port(stack.broker(), "zebu-broker");
  check_rows(metrics_at(port), {zebu::broker::all_metrics(), zebu::scrape::ProcessMetrics::all()});
  CHECK(rises_to(port, "zebu_consumers{queue=\"default\"}", 1));
  CHECK(rises_to(port, "zebu_sessions{role=\"client\"}", 1));
  CHECK(metrics_at(port).has("zebu_store_room_bytes"));

  CHECK(stack.produce({"submit", "echo", "1", "--count", "3", "--wait"}).exit.code == 0);
  static_cast<void>(stack.produce({"submit", "fail", "no luck", "--wait"}));
  static_cast<void>(stack.produce({"submit", "crash", "--wait"}));
  static_cast<void>(stack.produce({"submit", "nosuch", "1"}));
  CHECK(stack.produce({"submit", "sleep", "60000", "--queue", "later", "--delay", "1h"}).exit.code == 0);
  CHECK(stack.produce({"submit", "sleep", "60000", "--queue", "later"}).exit.code == 0);
  CHECK(stack.produce({"pause", "later"}).exit.code == 0);
  CHECK(rises_to(port, "zebu_jobs_accepted_total{queue=\"default\"}", 5));
  CHECK(rises_to(port, "zebu_jobs_accepted_total{queue=\"later\"}", 2));
  CHECK(rises_to(port, "zebu_jobs_refused_total{queue=\"default\",reason=\"unknown_task\"}", 1));
  CHECK(rises_to(port, "zebu_jobs_finished_total{queue=\"default\",task=\"echo\",outcome=\"succeeded\"}", 3));
  CHECK(rises_to(port, "zebu_jobs_finished_total{queue=\"default\",task=\"fail\",outcome=\"failed\"}", 1));
  CHECK(rises_to(port, "zebu_attempts_crashed_total{task=\"crash\"}", 3));
  CHECK(rises_to(port, "zebu_queue_jobs{queue=\"default\",state=\"failed\"}", 2));
  CHECK(rises_to(port, "zebu_queue_jobs{queue=\"later\",state=\"scheduled\"}", 1));
  CHECK(rises_to(port, "zebu_queue_jobs{queue=\"later\",state=\"queued\"}", 1));
  CHECK(rises_to(port, "zebu_queue_paused{queue=\"later\"}", 1));
  CHECK(rises_to(port, "zebu_queue_paused{queue=\"default\"}", 0));
  CHECK(rises_to(port, "zebu_job_wait_seconds_count{queue=\"default\"}", 5));
  CHECK(rises_to(port, "zebu_job_run_seconds_count{task=\"echo\"}", 3));
  CHECK(soon(port, [](const Metrics& m) { return m["zebu_queue_oldest_seconds{queue=\"later\"}"] > 0; }));
  CHECK(soon(port, [](const Metrics& m) { return m["zebu_queue_bytes{queue=\"later\"}"] > 0; }));
  CHECK(soon(port, [](const Metrics& m) { return m["zebu_store_commit_seconds_count"] > 5; }));
  CHECK(soon(port, [](const Metrics& m) { return m["zebu_loop_lag_seconds_count"] > 1; }));

  Peer stranger(stack.clients());
  stranger.send_raw("no message");
  CHECK(rises_to(port, "zebu_protocol_errors_total{code=\"bad_message\"}", 1));

  const std::string slow = submitted(stack, {"sleep", "60000"});
  CHECK(rises_to(port, "zebu_queue_jobs{queue=\"default\",state=\"running\"}", 1));
  stack.consumer(0).signal_group(SIGKILL);
  CHECK(rises_to(port, "zebu_sessions_lost_total{role=\"consumer\"}", 1));
  CHECK(rises_to(port, "zebu_attempts_lost_total{queue=\"default\"}", 1));
  CHECK(rises_to(port, "zebu_consumers{queue=\"default\"}", 0));
  CHECK(stack.produce({"cancel", slow}).exit.code == 0);
  CHECK(rises_to(port, "zebu_jobs_finished_total{queue=\"default\",task=\"sleep\",outcome=\"cancelled\"}", 1));
}

TEST_CASE("the front end's metrics move with its requests, connections, batches and broker") {
  Stack stack(with_metrics());
  const std::uint16_t port = metrics_port(stack.webfront(), "zebu-webfront");
  check_rows(metrics_at(port), {zebu::webfront::all_metrics(), zebu::scrape::ProcessMetrics::all()});
  CHECK(rises_to(port, "zebu_broker_connected", 1));
  const auto requests = [](const std::string& route, const std::string& code) {
    return "zebu_http_request_duration_seconds_count{route=\"" + route + "\",code=\"" + code + "\"}";
  };
  CHECK(stack.get("/fast").status == 200);
  CHECK(stack.get("/v1/queues/default").status == 200);
  CHECK(stack.get("/v1/queues/nosuch").status == 404);
  CHECK(stack.get("/v1/jobs/" + kUnknown + "?secret=1").status == 404);
  CHECK(http_get(stack.http_port(), "/nobody's/path\"").status == 404);
  CHECK(stack.post("/v1/jobs", R"({"task": "sleep", "args": [100]})", {{"Prefer", "wait=10"}}).status == 200);
  {
    HttpConnection broken(stack.http_port());
    broken.send("nonsense\r\n\r\n");
    CHECK(broken.receive().status == 400);
  }
  CHECK(rises_to(port, requests("GET /fast", "200"), 1));
  CHECK(rises_to(port, requests("GET /v1/queues/{name}", "200"), 1));
  CHECK(rises_to(port, requests("GET /v1/queues/{name}", "404"), 1));
  CHECK(rises_to(port, requests("GET /v1/jobs/{id}", "404"), 1));
  CHECK(rises_to(port, requests("none", "404"), 1));
  CHECK(rises_to(port, requests("none", "400"), 1));
  CHECK(rises_to(port, requests("POST /v1/jobs", "200"), 1));
  const Metrics m = metrics_at(port);
  CHECK(m["zebu_http_request_duration_seconds_sum{route=\"POST /v1/jobs\",code=\"200\"}"] >= 0.1);
  CHECK(m["zebu_http_request_duration_seconds_sum{route=\"GET /fast\",code=\"200\"}"] < 0.1);
  CHECK(m["zebu_loop_lag_seconds_count"] >= 1);
  for (const auto& [series, value] : m.values()) {
    INFO(series);
    CHECK(series.find("nobody") == std::string::npos);
    CHECK(series.find("secret") == std::string::npos);
    CHECK(series.find(kUnknown) == std::string::npos);
  }

  const double accepted = m["zebu_http_connections_accepted_total"];
  {
    const HttpConnection open(stack.http_port());
    CHECK(rises_to(port, "zebu_http_connections_accepted_total", accepted + 1));
    CHECK(soon(port, [](const Metrics& now) { return now["zebu_http_connections"] >= 1; }));
  }
  CHECK(rises_to(port, "zebu_http_connections", 0));

  const std::string same = R"({"task":"sleep","args":[60000],"options":{"unique":"k"}})";
  const HttpReply batch =
      zebu::test::http(stack.http_port(), {"POST",
                                           "/v1/jobs",
                                           {{"Content-Type", "application/x-ndjson"}},
                                           same + "\n" + same + "\nnonsense\n" + R"({"task":"nosuch"})"});
  CHECK(batch.status == 200);
  CHECK(rises_to(port, "zebu_http_batches_total", 1));
  CHECK(rises_to(port, "zebu_http_batch_lines_total{result=\"accepted\"}", 1));
  CHECK(rises_to(port, "zebu_http_batch_lines_total{result=\"attached\"}", 1));
  CHECK(rises_to(port, "zebu_http_batch_lines_total{result=\"refused\"}", 2));

  HttpConnection waiting(stack.http_port());
  waiting.send(to_bytes({"POST", "/v1/jobs", {{"Content-Type", "application/json"}, {"Prefer", "wait=30"}}, kSleep}));
  CHECK(rises_to(port, "zebu_requests_waiting", 1));
  waiting.close();
  CHECK(rises_to(port, "zebu_requests_waiting", 0));
  stack.kill_broker();
  CHECK(rises_to(port, "zebu_broker_connected", 0));
}

TEST_CASE("a consumer's metrics move with its slots and attempts") {
  StackOptions options = two_slots(false);
  options.consumer.insert(options.consumer.end(), {"--metrics", "0"});
  Stack stack(options);
  const std::uint16_t port = metrics_port(stack.consumer(0), "zebu-consumer");
  check_rows(metrics_at(port), {zebu::consumer::all_metrics(), zebu::scrape::ProcessMetrics::all()});
  CHECK(rises_to(port, "zebu_broker_connected", 1));
  CHECK(rises_to(port, "zebu_slots{state=\"free\"}", 2));
  CHECK(stack.produce({"submit", "echo", "1", "--count", "3", "--wait"}).exit.code == 0);
  static_cast<void>(stack.produce({"submit", "fail", "no luck", "--wait"}));
  CHECK(rises_to(port, "zebu_attempts_ended_total{task=\"echo\",outcome=\"succeeded\"}", 3));
  CHECK(rises_to(port, "zebu_attempts_ended_total{task=\"fail\",outcome=\"failed\"}", 1));
  CHECK(rises_to(port, "zebu_attempt_run_seconds_count{task=\"echo\"}", 3));
  static_cast<void>(stack.produce({"submit", "crash", "--wait"}));
  CHECK(rises_to(port, "zebu_slot_deaths_total{cause=\"died\"}", 3));
  CHECK(rises_to(port, "zebu_attempts_ended_total{task=\"crash\",outcome=\"failed\"}", 3));
  static_cast<void>(stack.produce({"submit", "hang", "--hard-limit", "100ms", "--wait"}));
  CHECK(rises_to(port, "zebu_slot_deaths_total{cause=\"killed\"}", 1));
  const std::string slow = submitted(stack, {"sleep", "60000"});
  CHECK(rises_to(port, "zebu_slots{state=\"busy\"}", 1));
  CHECK(rises_to(port, "zebu_jobs_held", 1));
  CHECK(stack.produce({"cancel", slow}).exit.code == 0);
  CHECK(rises_to(port, "zebu_attempts_ended_total{task=\"sleep\",outcome=\"cancelled\"}", 1));
  CHECK(soon(port, [](const Metrics& m) { return m["zebu_loop_lag_seconds_count"] > 1; }));
  stack.kill_broker();
  CHECK(rises_to(port, "zebu_broker_connected", 0));
}

TEST_CASE("an outcome that the broker does not have yet is counted") {
  StackOptions options = two_slots(false);
  options.consumer.insert(options.consumer.end(), {"--metrics", "0"});
  Stack stack(options);
  const std::uint16_t port = metrics_port(stack.consumer(0), "zebu-consumer");
  static_cast<void>(submitted(stack, {"sleep", "1500"}));
  CHECK(rises_to(port, "zebu_slots{state=\"busy\"}", 1));
  stack.broker().signal(SIGSTOP);
  CHECK(rises_to(port, "zebu_outcomes_undelivered", 1));
  stack.broker().signal(SIGCONT);
  CHECK(rises_to(port, "zebu_outcomes_undelivered", 0));
}

TEST_CASE("slots do not inherit the consumer's port of metrics, nor connections to it") {
  StackOptions options = two_slots(false);
  options.consumer.insert(options.consumer.end(), {"--metrics", "0"});
  Stack stack(options);
  const std::uint16_t port = metrics_port(stack.consumer(0), "zebu-consumer");
  HttpConnection open(port);
  CHECK(open.request({.target = "/metrics"}).status == 200);
  // A process that is started while somebody is connected.
  static_cast<void>(stack.produce({"submit", "crash", "--wait"}));
  const auto sockets_of = [](pid_t process) {
    std::set<std::string> sockets;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/" + std::to_string(process) + "/fd")) {
      std::error_code gone;
      const std::string target = std::filesystem::read_symlink(entry.path(), gone).string();
      if (!gone && target.starts_with("socket:")) sockets.insert(target);
    }
    return sockets;
  };
  const std::set<std::string> ours = sockets_of(stack.consumer(0).pid());
  const std::vector<pid_t> children = children_of(stack.consumer(0).pid());
  REQUIRE(children.size() >= 2);
  for (const pid_t child : children) {
    for (const std::string& socket : sockets_of(child)) {
      INFO(socket);
      CHECK_FALSE(ours.contains(socket));
    }
  }
}

TEST_CASE("connections past the limit are counted") {
  StackOptions options = with_metrics();
  options.webfront.insert(options.webfront.end(), {"--max-connections", "1"});
  Stack stack(options);
  const std::uint16_t port = metrics_port(stack.webfront(), "zebu-webfront");
  const HttpConnection first(stack.http_port());
  CHECK(rises_to(port, "zebu_http_connections", 1));
  const double before = metrics_at(port)["zebu_http_connections_refused_total"];
  const HttpConnection second(stack.http_port());
  CHECK(rises_to(port, "zebu_http_connections_refused_total", before + 1));
}

TEST_CASE("with tokens the front end's metrics need one with the right read") {
  const TempDir folder;
  const std::string file = (folder.path() / "tokens.toml").string();
  const auto make = [&](const std::string& name, const std::string& rights) {
    const Finished made =
        run({.command = {program("zebu-webfront"), "token", name, "--rights", rights, "--tokens", file}});
    REQUIRE(made.exit.code == 0);
    return made.out.substr(0, made.out.find('\n'));
  };
  const std::string reader = make("reader", "read");
  const std::string submitter = make("submitter", "submit,operate");
  // Others may connect then.
  Process front({program("zebu-webfront"), "--listen", "127.0.0.1:0", "--metrics", "*:0", "--tokens", file});
  const std::string address = ready_field(front.wait_for_line("zebu-webfront ready"), "metrics");
  const auto port = static_cast<std::uint16_t>(std::stoul(address.substr(address.rfind(':') + 1)));
  const auto ask = [&](const std::string& token) {
    HttpHeaders headers;
    if (!token.empty()) headers["Authorization"] = "Bearer " + token;
    return zebu::test::http(port, {"GET", "/metrics", headers, {}});
  };
  const HttpReply without = ask("");
  CHECK(without.status == 401);
  CHECK(without.header("www-authenticate") == "Bearer realm=\"zebu\"");
  CHECK(problem_of(without) == "unauthorized");
  CHECK(problem_of(ask(submitter)) == "forbidden");
  CHECK(ask(reader).status == 200);
  const std::string late = make("late", "read");
  CHECK(eventually([&] { return ask(late).status == 200; }));
}

TEST_CASE("metrics are off unless they are asked for, and others get them only from who wants that") {
  Stack stack(two_slots());
  for (Process* process : {&stack.broker(), &stack.webfront()}) {
    const std::string line = process->out();
    CHECK(line.find(" ready ") != std::string::npos);
    CHECK(line.find("metrics=") == std::string::npos);
  }
  const auto refused = [](const std::string& name, const std::string& address) {
    const Finished ended = run({.command = {program(name), "--metrics", address}});
    CHECK(ended.exit.code == 2);
    return ended.err;
  };
  CHECK(refused("zebu-webfront", "*:0").find("--metrics: '*:0' can be reached from other machines") !=
        std::string::npos);
  CHECK(refused("zebu-webfront", "10.0.0.1:9464").find("can be reached from other machines") != std::string::npos);
  for (const std::string wrong : {"nonsense", "host:x", "70000", "::1:80"}) {
    INFO(wrong);
    CHECK(refused("zebu-broker", wrong).find("cannot listen on") != std::string::npos);
    CHECK(refused("zebu-webfront", wrong).find("cannot listen on") != std::string::npos);
  }
  Process open({program("zebu-webfront"), "--listen", "127.0.0.1:0", "--metrics", "*:0", "--no-auth"});
  CHECK(open.wait_for_line("zebu-webfront ready").find(" metrics=http://") != std::string::npos);
  Process broker({program("zebu-broker"), "--clients", "tcp://127.0.0.1:*", "--consumers", "tcp://127.0.0.1:*",
                  "--store", "memory", "--metrics", "*:0"});
  CHECK(broker.wait_for_line("zebu-broker ready").find(" metrics=http://") != std::string::npos);
}

TEST_CASE("a scrape waits for no job") {
  Stack stack(with_metrics());
  const std::uint16_t port = metrics_port(stack.broker(), "zebu-broker");
  static_cast<void>(metrics_at(port));
  Process load = stack.start_producer({"submit", "echo", "1", "--count", "20000", "--transient", "--wait"});
  int scrapes = 0;
  while (load.is_running() || scrapes == 0) {
    const auto began = std::chrono::steady_clock::now();
    static_cast<void>(metrics_at(port));
    CHECK(std::chrono::steady_clock::now() - began < scaled(1s));
    ++scrapes;
  }
  CHECK(load.wait_exit().code == 0);
  CHECK(rises_to(port, "zebu_jobs_finished_total{queue=\"default\",task=\"echo\",outcome=\"succeeded\"}", 20'000));
}

TEST_CASE("an address of metrics that is taken ends the program at once") {
  Stack stack(with_metrics());
  const std::string taken = "127.0.0.1:" + std::to_string(metrics_port(stack.broker(), "zebu-broker"));
  const Finished front = run({.command = {program("zebu-webfront"), "--listen", "127.0.0.1:0", "--metrics", taken}});
  CHECK(front.exit.code == 1);
  CHECK(front.err.find("cannot listen on " + taken) != std::string::npos);
  const Finished broker = run({.command = {program("zebu-broker"), "--clients", "tcp://127.0.0.1:*", "--consumers",
                                           "tcp://127.0.0.1:*", "--store", "memory", "--metrics", taken}});
  CHECK(broker.exit.code == 1);
  CHECK(broker.err.find("cannot listen on " + taken) != std::string::npos);
}

TEST_CASE("a broker ends soon, also with a connection to its metrics") {
  Stack stack(with_metrics());
  const std::uint16_t port = metrics_port(stack.broker(), "zebu-broker");
  static_cast<void>(metrics_at(port));
  HttpConnection idle(port);
  stack.broker().signal(SIGTERM);
  CHECK(stack.broker().wait_exit().code == 0);
}
