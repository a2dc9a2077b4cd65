#pragma once

#include <zebu/codec.h>

#include <string>
#include <utility>
#include <vector>

// One message of each type, with every field set to something telling: the golden bytes, and seeds for the fuzzers.
namespace zebu::test {

inline JobId id_of(std::uint8_t last) {
  return JobId{{0x01, 0x92, 0xf3, 0xa4, 0xb5, 0xc6, 0x70, 0x01, 0x80, 0, 0, 0, 0, 0, 0, last}};
}

inline std::vector<message::Message> sample_messages() {
  using namespace message;
  Hello client;
  client.name = "cli";
  client.instance = id_of(0xaa);
  Hello consumer = client;
  consumer.role = Role::consumer;
  consumer.name = "ox-1";
  consumer.consumer = {{"default", "reports"}, 4, {"fib", "echo"}, PoolKind::threads, {{id_of(1), 2}}};
  Report succeeded{id_of(1), 1, JobState::succeeded, Bytes("\x08", 1), {}, std::chrono::microseconds(1500)};
  Report failed{id_of(2),
                3,
                JobState::failed,
                {},
                {"std::runtime_error", "no luck", {"main", "start"}},
                std::chrono::microseconds(70000)};
  Report cancelled{id_of(3), 1, JobState::cancelled, {}, {}, std::chrono::microseconds(0)};
  const Bytes args("\x91\x1e", 2);
  return {
      client,
      consumer,
      Welcome{1, 0, id_of(0xbb), 10000, std::chrono::milliseconds(1000), std::chrono::milliseconds(3000), 16777216},
      ErrorReport{ErrorCode::no_session, "say HELLO first"},
      Beat{},
      Bye{},
      Submit{true, {{id_of(1), "fib", "default", args, {}}, {id_of(2), "echo", "q", args, {true, true}}}},
      Accepted{{id_of(1), id_of(2)}},
      Refused{{{id_of(1), ErrorCode::queue_full, "queue 'default' is full", std::chrono::milliseconds(1000)}}},
      Wait{{id_of(1)}},
      Done{{succeeded, failed, cancelled}},
      Leave{{id_of(1)}},
      Cancel{{id_of(1), id_of(2)}},
      Unknown{{id_of(9)}},
      Query{7, "jobs", {id_of(1)}},
      Query{8, "broker", {}},
      Answer{7, Bytes("\x91\xc0", 2)},
      Credit{4},
      Assign{{{id_of(1), 1, "fib", "default", args, {}}}},
      OutcomeReport{1, {succeeded, failed, cancelled}},
      Kept{3},
      Return{2, {{id_of(1), 1}}},
      Stop{{{id_of(1), 1}}},
      Drain{},
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
