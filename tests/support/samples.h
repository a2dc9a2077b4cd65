#pragma once

#include "zebu/wire/codec.h"

#include <string>
#include <utility>
#include <vector>

// One message of each type, with every field set to something telling: the golden bytes, and seeds for the fuzzers.
namespace zebu::test {

inline JobId id_of(std::uint8_t last) {
  return JobId{{0x01, 0x92, 0xf3, 0xa4, 0xb5, 0xc6, 0x70, 0x01, 0x80, 0, 0, 0, 0, 0, 0, last}};
}

// Each option, with a value that is not its default.
inline JobOptions every_option() {
  using std::chrono::milliseconds;
  JobOptions options;
  options.priority = 9;
  options.retry = {5, milliseconds(250), 1.5, milliseconds(60'000), 0.25};
  options.delay = milliseconds(5'000);
  options.expires_in = milliseconds(90'000);
  options.soft_limit = milliseconds(1'000);
  options.hard_limit = milliseconds(2'000);
  options.result_ttl = milliseconds(3'600'000);
  options.unique = "report:7";
  options.unique_for = milliseconds(10'000);
  options.headers = {{"traceparent", "00-1-2-01"}, {"tenant", "ox"}};
  options.is_private = true;
  return options;
}

// Those that go with none of the above.
inline JobOptions at_once() {
  JobOptions options;
  options.acks_early = true;
  options.run_at = WallTime(std::chrono::milliseconds(1'700'000'000'000));
  options.expires_at = WallTime(std::chrono::milliseconds(1'700'000'060'000));
  options.unique = "report:8";
  options.unique_while = UniqueWhile::queued;
  return options;
}

inline std::vector<message::Message> sample_messages() {
  using namespace message;
  using std::chrono::milliseconds;
  Hello client;
  client.name = "cli";
  client.instance = id_of(0xaa);
  Hello consumer = client;
  consumer.role = Role::consumer;
  consumer.name = "ox-1";
  consumer.consumer = {{"default", "reports"}, 4, {"fib", "echo"}, pool::kThreads, {{id_of(1), 2}}};
  const std::chrono::microseconds ran(70000);
  Report succeeded{id_of(1), 1, JobState::succeeded, Bytes("\x08", 1), {}, std::chrono::microseconds(1500)};
  Report failed{id_of(2), 3, JobState::failed, {}, {"std::runtime_error", "no luck", {"main", "start"}}, ran};
  Report crashed{id_of(4), 1, JobState::failed, {}, {"zebu::Crash", "SIGSEGV", {}, ErrorKind::crash}, ran};
  Report refused{id_of(5), 1, JobState::failed, {}, {"zebu::BadArguments", "one too many", {}, ErrorKind::permanent},
                 {}};
  ErrorView cause{"std::system_error", "no route", {}};
  cause.details.need().cause = ErrorView{"net.Down", "the cable", {}};
  Report caused{id_of(7), 2, JobState::failed, {}, {"zebu::Retry", "later", {"fetch"}}, ran};
  caused.error.details.need().cause = cause;
  caused.error.details.need().retry_after = milliseconds(30'000);
  Report cancelled{id_of(3), 1, JobState::cancelled, {}, {}, {}};
  Report expired{id_of(6), 0, JobState::expired, {}, {}, {}};
  const Bytes args("\x91\x1e", 2);
  JobOptions assigned;
  assigned.transient = true;
  assigned.soft_limit = milliseconds(1000);
  assigned.hard_limit = milliseconds(2000);
  assigned.headers = {{"traceparent", "00-1-2-01"}, {"tenant", "ox"}};
  assigned.is_private = true;
  assigned.retry.max = 5;
  const Bytes kwargs("\x81\xa4size\x40", 7);
  Hello featured = client;
  featured.features = {"parts", "zstd"};
  Hello featured_consumer = consumer;
  featured_consumer.features = {"parts"};
  message::About about_moved;
  about_moved.endpoints = {"tcp://ox-2:5555", "tcp://ox-3:5555"};
  message::Params filter;
  filter.queue = "default";
  filter.task = "fib";
  filter.state = JobState::failed;
  filter.after = "page-2";
  filter.limit = 100;
  message::Params pause;
  pause.queue = "default";
  pause.reason = "the model is broken";
  message::Params drain;
  drain.consumer = "ox-1";
  message::About about_entries;
  about_entries.type = 34;
  about_entries.attempt = AttemptId{id_of(1), 2};
  about_entries.entries = {0, 300};
  message::About about_hello;
  about_hello.type = 1;
  about_hello.retry_after = milliseconds(1000);
  about_hello.version = {2, 0};
  return {
      client,
      consumer,
      featured,
      featured_consumer,
      Welcome{2, 0, id_of(0xbb), 10000, milliseconds(1000), milliseconds(3000), 16777216, 65536},
      Welcome{2, 0, id_of(0xbb), 10000, milliseconds(1000), milliseconds(3000), 16777216, 65536, {"parts"}},
      ErrorReport{ErrorCode::no_session, "say HELLO first", {}},
      ErrorReport{ErrorCode::bad_message, "an entry cannot be read", about_entries},
      ErrorReport{ErrorCode::too_many_peers, "the broker is full", about_hello},
      ErrorReport{ErrorCode::moved, "it is there now", about_moved},
      Beat{},
      Bye{},
      Bye{milliseconds(2000)},
      Echo{42},
      Part{3, 65536, 200000, Bytes("\x01\x02", 2)},
      Ack{16384},
      Hold{3},
      Go{3},
      Submit{true, {{id_of(1), "fib", "default", args, {}}, {id_of(2), "echo", "q", args, {true, true}}}},
      Submit{false,
             {{id_of(3), "fib", "default", args, every_option()}, {id_of(4), "fib", "q", args, at_once(), kwargs}}},
      Accepted{{id_of(1), id_of(2)}},
      Refused{{{id_of(1), ErrorCode::queue_full, "queue 'default' is full", milliseconds(1000)}}},
      Refused{{{id_of(1), ErrorCode::store_full, "the store has no room for new durable jobs", milliseconds(5000)}}},
      Wait{{id_of(1)}},
      Done{{succeeded, failed, caused, cancelled, expired}},
      Leave{{id_of(1)}},
      Cancel{{id_of(1), id_of(2)}},
      Unknown{{id_of(9)}},
      Ending{{{id_of(1), JobState::cancelled}, {id_of(2), JobState::running}}},
      Query{7, "jobs", {{id_of(1)}}},
      Query{8, "broker", {}},
      Query{9, "list", filter},
      Answer{7, Bytes("\x91\xc0", 2)},
      Answer{12, Bytes("\x81\xa7retried\x09", 10), true},
      Attached{{{id_of(2), id_of(1)}}},
      Command{10, "pause", pause},
      Command{11, "drain", drain},
      Command{12, "retry", {{id_of(2), id_of(4)}}},
      Credit{4},
      Assign{{{id_of(1), 1, "fib", "default", args, {}}, {id_of(3), 9, "fib", "q", args, assigned, kwargs, {3, 2, 1}}}},
      OutcomeReport{1, {succeeded, failed, caused, crashed, refused, cancelled}},
      Kept{3},
      Kept{3, {{id_of(1), 2}}},
      Return{2, {{id_of(1), 1}}},
      Stop{{{id_of(1), 1}}},
      Drain{},
      Drained{},
      ProgressReports{{{id_of(1), 1, 0.5, "half way", "line 1\n", 65'536, 7}, {id_of(2), 3, std::nullopt, "", ""}}},
  };
}

inline std::string to_hex(std::string_view bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string hex;
  for (const char c : bytes) {
    hex += kDigits[static_cast<unsigned char>(c) >> 4];
    hex += kDigits[static_cast<unsigned char>(c) & 15];
  }
  return hex;
}

inline std::string from_hex(std::string_view hex) {
  const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  std::string bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
    bytes += static_cast<char>(digit(hex[i]) << 4 | digit(hex[i + 1]));
  return bytes;
}

}  // namespace zebu::test
