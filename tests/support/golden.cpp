#include "tests/support/golden.h"

#include "tests/support/base64.h"
#include "tests/support/paths.h"

#include <nlohmann/json.hpp>

#include <fstream>
#include <sstream>

namespace zebu::test {
namespace {

using Json = nlohmann::ordered_json;

Json shown(const Json& value) {
  if (value.is_binary()) return {{"bin", base64_of(value.get_binary())}};
  if (!value.is_structured()) return value;
  Json copy = value;
  for (auto& each : copy) each = shown(each);
  return copy;
}

std::string packed(const Json& value) {
  const auto bytes = Json::to_msgpack(value);
  return {bytes.begin(), bytes.end()};
}

Json bin(std::string_view bytes) { return Json::binary({bytes.begin(), bytes.end()}); }

void add_newer(std::vector<GoldenLine>& lines) {
  const auto newer = [&](const char* name, const Json& message) {
    const std::string frame = packed(message);
    lines.push_back({"newer", name, frame, json_of(frame)});
  };
  const Json id = bin(id_of(1).view());
  const Json facts = {{"grant", 10},       {"beat_ms", 1000},       {"liveness_ms", 3000}, {"max_message", 1048576},
                      {"max_part", 65536}, {"a_newer_fact", {1, 2}}};
  newer("WELCOME", {2, 9, 7, bin(id_of(2).view()), facts, "a newer field"});
  newer("WELCOME", {2, 9, 3, bin(id_of(2).view()), facts});
  newer("HELLO", {1, 2, 9, "client", "cli", id, {{"a_newer_fact", true}}, "a newer field"});
  newer("ERROR", {3, "a_newer_code", "text", {{"type", 16}, {"a_newer_key", nullptr}}});
  newer("BEAT", {4, "a newer field"});
  newer("ECHO", {6, 18446744073709551615U});
  newer("ACCEPTED", {17, Json::array()});
  newer("REFUSED", {18, {{id, "a_newer_code", "text", 0, "a newer field"}}});
  newer("DONE", {20, {{id, 1, "succeeded", bin("\xc0"), 0, {{"a_newer_key", 1}}}}});
  newer("DONE",
        {20, {{id, 1, "failed", {{"type", "E"}, {"message", "m"}, {"trace", Json::array()}, {"kind", "newer"}}, 0}}});
  newer("DONE", {20, {{id, 1, "a_newer_state", nullptr, 0}, {id, 1, "cancelled", nullptr, 0}}});
  newer("ASSIGN", {33, {{id, 1, "fib", "q", bin("\x90"), Json::object(), "a newer field"}}});
  newer("PROGRESS", {39, {{id, 1, 1, "", ""}}});
  newer("PROGRESS", {39, {{id, 1, 1.0, "", ""}}});
}

void add_bad(std::vector<GoldenLine>& lines) {
  const auto bad = [&](const char* name, const std::string& frame, const char* why) {
    lines.push_back({"bad", name, frame, why});
  };
  const Json id = bin(id_of(1).view());
  bad("none", "", "no bytes");
  bad("none", "\xc1", "not msgpack");
  bad("none", packed(Json::object()), "not an array");
  bad("none", packed(Json::array()), "no type");
  bad("none", packed({"HELLO"}), "the type is no integer");
  bad("none", packed({200}), "an unknown type");
  bad("BEAT", packed({4}) + "\xc0", "bytes behind the message");
  bad("HELLO", packed({1, 2, 0, "client", "cli", bin("short"), Json::object()}), "an instance of 5 bytes");
  bad("HELLO", packed({1, 2, 0, "broker", "cli", id, Json::object()}), "an unknown role");
  bad("PART", packed({7, 1, 0, 10, bin("")}), "a part without bytes");
  bad("PART", packed({7, 1, 9, 10, bin("ab")}), "a part that ends behind its message");
  bad("ACK", packed({8, -1}), "a negative number");
  bad("SUBMIT", packed({16, 1, Json::array()}), "wait is no bool");
  bad("SUBMIT", packed({16, false, Json::object()}), "the jobs are no list");
  bad("CREDIT", packed({32, 65536}), "credit above 65535");
  bad("KEPT", packed({35}), "too short");
  bad("BEAT", "\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x04", "nested too deep");
}

}  // namespace

std::string json_of(std::string_view frame) { return shown(Json::from_msgpack(frame.begin(), frame.end())).dump(); }

std::vector<GoldenLine> golden_lines() {
  std::vector<GoldenLine> lines;
  for (const message::Message& sample : sample_messages()) {
    const std::string frame(encode(sample).bytes());
    lines.push_back({"frame", std::string(message::name_of(message::type_of(sample))), frame, json_of(frame)});
  }
  add_newer(lines);
  add_bad(lines);
  return lines;
}

std::string text_of(const GoldenLine& line) {
  return line.section + ' ' + line.name + ' ' + (line.frame.empty() ? "-" : to_hex(line.frame)) + ' ' + line.text;
}

std::vector<GoldenLine> read_golden() {
  std::vector<GoldenLine> lines;
  std::ifstream file(source("tests/golden/protocol.txt"));
  for (std::string text; std::getline(file, text);) {
    std::istringstream words(text);
    GoldenLine line;
    std::string hex;
    words >> line.section >> line.name >> hex;
    words.get();
    std::getline(words, line.text);
    line.frame = hex == "-" ? "" : from_hex(hex);
    lines.push_back(std::move(line));
  }
  return lines;
}

}  // namespace zebu::test
