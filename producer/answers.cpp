#include <nlohmann/json.hpp>

#include <answers.h>
#include <iostream>
#include <readable.h>
#include <value_json.h>

namespace zebu::producer {
namespace {

using Json = nlohmann::json;

// A job's result travels as bytes that hold one msgpack value.
void show_binaries(Json& value) {
  if (value.is_binary()) {
    const auto& bytes = value.get_binary();
    value = Json::parse(json_of(Bytes(reinterpret_cast<const char*>(bytes.data()), bytes.size())));
  } else if (value.is_structured()) {
    for (Json& child : value) show_binaries(child);
  }
}

}  // namespace

std::optional<Json> ask(Client& client, const CommonOptions& common, const std::string& what,
                        const std::vector<JobId>& ids) {
  const auto answer = client.query(what, ids, common.connect_timeout);
  if (!answer) {
    complain("the broker at " + common.broker + " does not answer: " + answer.error().message);
    return std::nullopt;
  }
  Json value = Json::from_msgpack(answer->begin(), answer->end(), true, false);
  if (value.is_discarded()) {
    complain("the broker at " + common.broker + " answered the query '" + what + "' with what is no msgpack");
    return std::nullopt;
  }
  show_binaries(value);
  return value;
}

std::string cell(const Json& of, const std::string& key) {
  const auto found = of.find(key);
  if (found == of.end() || found->is_null()) return "-";
  if (found->is_string()) return found->get<std::string>();
  if (!found->is_array()) return found->dump(-1, ' ', false, Json::error_handler_t::replace);
  std::string text;
  for (const Json& entry : *found) {
    if (!text.empty()) text += ',';
    text += entry.is_string() ? entry.get<std::string>() : entry.dump();
  }
  return text.empty() ? "-" : text;
}

std::uint64_t number(const Json& of, const std::string& key) {
  const auto found = of.find(key);
  return found != of.end() && found->is_number() ? found->get<std::uint64_t>() : 0;
}

std::string count_cell(const Json& of, const std::string& key) { return count_text(number(of, key)); }

std::string duration_cell(const Json& of, const std::string& key) {
  const auto found = of.find(key);
  if (found == of.end() || !found->is_number()) return "-";
  return duration_text(std::chrono::milliseconds(found->get<std::int64_t>()));
}

int print_json(const Json& value) {
  std::cout << value.dump(-1, ' ', false, Json::error_handler_t::replace) << '\n' << std::flush;
  return std::cout ? 0 : 1;
}

}  // namespace zebu::producer
