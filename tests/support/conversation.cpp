#include "tests/support/conversation.h"

#include "tests/support/base64.h"
#include "tests/support/eventually.h"
#include "tests/support/paths.h"
#include "tests/support/peer.h"
#include "zebu/wire/socket.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <fstream>
#include <map>
#include <set>

namespace zebu::test {
namespace {

using Json = nlohmann::ordered_json;

// Values by name, from what the peer said.
using Names = std::map<std::string, Json>;

bool is_bin(const Json& value) { return value.is_object() && value.size() == 1 && value.contains("bin"); }

Json filled_in(const Json& pattern, const Names& names) {
  if (is_bin(pattern)) return Json::binary(bytes_of_base64(pattern["bin"].get<std::string>()));
  if (pattern.is_string() && pattern.get<std::string>().starts_with("$")) return names.at(pattern.get<std::string>());
  if (!pattern.is_structured()) return pattern;
  Json copy = pattern;
  for (auto& each : copy) each = filled_in(each, names);
  return copy;
}

bool matches(const Json& pattern, const Json& value, Names& names) {
  if (pattern == "*") return true;
  if (pattern.is_string() && pattern.get<std::string>().starts_with("$")) {
    return names.emplace(pattern.get<std::string>(), value).first->second == value;
  }
  if (is_bin(pattern)) {
    return value.is_binary() &&
           value.get_binary() == Json::binary_t(bytes_of_base64(pattern["bin"].get<std::string>()));
  }
  if (pattern.is_array()) {
    if (!value.is_array()) return false;
    const bool may_have_more = !pattern.empty() && pattern.back() == "...";
    const std::size_t count = pattern.size() - (may_have_more ? 1 : 0);
    if (value.size() < count || (value.size() > count && !may_have_more)) return false;
    for (std::size_t i = 0; i < count; ++i) {
      if (!matches(pattern[i], value[i], names)) return false;
    }
    return true;
  }
  if (pattern.is_object()) {
    if (!value.is_object()) return false;
    return std::all_of(pattern.items().begin(), pattern.items().end(), [&](const auto& item) {
      return value.contains(item.key()) && matches(item.value(), value[item.key()], names);
    });
  }
  return pattern == value;
}

std::vector<Json> lines_of(const std::filesystem::path& conversation) {
  std::vector<Json> lines;
  std::ifstream file(conversation);
  for (std::string line; std::getline(file, line);) {
    if (!line.empty() && line.front() != '#') lines.push_back(Json::parse(line));
  }
  return lines;
}

class Player {
 public:
  Player() { open("tcp://127.0.0.1:*"); }

  const std::string& endpoint() const { return endpoint_; }

  void play(const Json& line) {
    const std::string verb = line[0];
    if (verb == "say") {
      say(line[1]);
    } else if (verb == "expect") {
      expect(line[1]);
    } else if (verb == "ignore") {
      ignored_.insert(line[1].get<int>());
    } else if (verb == "reconnect") {
      expects_new_ = true;
      say({3, "no_session", "say HELLO first", {{"type", 4}}});
    } else if (verb == "restart") {
      expects_new_ = true;
      open(endpoint_);
    } else {
      throw std::runtime_error("unknown verb " + verb);
    }
  }

 private:
  void open(const std::string& endpoint) {
    router_.reset();
    context_.emplace();
    const auto bind = [&] {
      auto bound = Router::bind(*context_, endpoint, {});
      if (bound) router_.emplace(std::move(*bound));
      return bound.has_value();
    };
    if (!eventually(bind)) throw std::runtime_error("cannot bind " + endpoint);
    endpoint_ = router_->endpoint();
  }

  void say(const Json& pattern) {
    const auto bytes = Json::to_msgpack(filled_in(pattern, names_));
    if (!router_->send(peer_, Frame{std::string(bytes.begin(), bytes.end()), 0})) {
      throw std::runtime_error("the peer is gone");
    }
  }

  void expect(const Json& pattern) {
    const Json message = receive();
    if (!matches(pattern, message, names_)) {
      throw std::runtime_error("expected " + pattern.dump() + ", heard " + message.dump());
    }
  }

  // The next message of the peer that is not to be ignored. Those of a connection that is to end are: who reads them
  // late need not know yet.
  Json receive() {
    const auto deadline = Clock::now() + scaled(std::chrono::seconds(10));
    while (Clock::now() < deadline) {
      while (router_->receive(received_)) {
        Json message = Json::from_msgpack(received_.frame().begin(), received_.frame().end());
        const int type = message[0];
        const bool is_new = std::string_view(peer_) != received_.peer();
        if (expects_new_ && (!is_new || type != 1)) {
          if (is_new)
            static_cast<void>(router_->send(
                received_.peer(), encode(message::ErrorReport{ErrorCode::no_session, "say HELLO first", {}})));
          continue;
        }
        peer_ = received_.peer();
        expects_new_ = false;
        if (type == static_cast<int>(message::Type::beat)) {
          static_cast<void>(router_->send(peer_, encode(message::Beat{})));
        } else if (!ignored_.contains(type)) {
          return message;
        }
      }
      static_cast<void>(wait_readable(*router_, *router_, -1, -1, std::chrono::milliseconds(100)));
    }
    throw std::runtime_error("the peer says nothing");
  }

  std::optional<SocketContext> context_;
  std::optional<Router> router_;
  std::string endpoint_;
  std::string peer_;
  Received received_;
  Names names_;
  std::set<int> ignored_ = {static_cast<int>(message::Type::ack)};
  bool expects_new_ = false;
};

}  // namespace

PeerOf peer_of(const std::filesystem::path& conversation) {
  const Json head = lines_of(conversation).at(0);
  return {head.at("role"), head.value("task", ""), head.value("arguments", Json::array()).dump()};
}

std::vector<std::filesystem::path> conversations() {
  std::vector<std::filesystem::path> all;
  for (const auto& entry : std::filesystem::directory_iterator(source("tests/golden/conversations"))) {
    all.push_back(entry.path());
  }
  std::sort(all.begin(), all.end());
  return all;
}

void play(const std::filesystem::path& conversation, const std::function<Process(const std::string&)>& start) {
  const std::vector<Json> lines = lines_of(conversation);
  Player player;
  Process peer = start(player.endpoint());
  for (std::size_t i = 1; i < lines.size(); ++i) {
    const Json& line = lines[i];
    try {
      if (line[0] != "ends") {
        player.play(line);
      } else if (const ExitStatus status = peer.wait_exit(); status.code != line[1].get<int>()) {
        throw std::runtime_error("the peer ended otherwise");
      }
    } catch (const std::exception& e) {
      throw std::runtime_error(conversation.filename().string() + ", " + line.dump() + ": " + e.what());
    }
  }
}

}  // namespace zebu::test
