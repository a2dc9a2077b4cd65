#include "producer/connection/answers.h"

#include "producer/text/complain.h"
#include "producer/text/readable.h"
#include "producer/text/value_json.h"
#include "zebu/utf8.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <iostream>

namespace zebu::producer {
namespace {

using Json = nlohmann::json;

// Replaces each binary value, which holds one msgpack value (a job's result), by that value as JSON.
void decode_binaries(Json& value) {
  if (value.is_binary()) {
    const auto& bytes = value.get_binary();
    value = Json::parse(json_of(Bytes(reinterpret_cast<const char*>(bytes.data()), bytes.size())));
  } else if (value.is_structured()) {
    for (Json& child : value) decode_binaries(child);
  }
}

Result<Json> json_of_answer(const Result<std::string>& answer) {
  if (!answer) return tl::make_unexpected(answer.error());
  Json value = Json::from_msgpack(answer->begin(), answer->end(), true, false);
  if (value.is_discarded()) return fail(ErrorCode::bad_message, "the answer is not valid msgpack");
  decode_binaries(value);
  return value;
}

bool means_no_answer(ErrorCode code) {
  return code == ErrorCode::disconnected || code == ErrorCode::timed_out || code == ErrorCode::closed;
}

}  // namespace

std::optional<Json> value_or_complain(const Result<Json>& answer, const CommonOptions& common,
                                      const std::string& what) {
  if (answer) return *answer;
  if (means_no_answer(answer.error().code)) {
    complain("the broker at " + common.broker + " does not answer: " + answer.error().message);
  } else {
    complain(what + ": " + answer.error().message);
  }
  return std::nullopt;
}

Result<Json> query(Client& client, const std::string& what, const Params& params, Timeout timeout) {
  return json_of_answer(client.query(what, params, timeout));
}

std::optional<Json> ask(Client& client, const CommonOptions& common, const std::string& what, const Params& params) {
  return value_or_complain(query(client, what, params, common.connect_timeout), common, what);
}

namespace {

constexpr std::uint32_t kPage = 1000;  // the most that a page may have (docs/protocol.md)

// Passes the entries of a list to `each`, page by page, from behind `after` on, until it returns false.
Result<void> each_entry(Client& client, const std::string& what, std::string after, Timeout timeout, const auto& each) {
  Params params;
  params.limit = kPage;
  params.after = std::move(after);
  for (;;) {
    auto page = query(client, what, params, timeout);
    if (!page) return tl::make_unexpected(page.error());
    if (!page->is_object() || !page->contains(what) || !page->at(what).is_array()) {
      return fail(ErrorCode::bad_message, "the answer is not a page of " + what);
    }
    for (Json& entry : page->at(what)) {
      if (!each(entry)) return {};
    }
    const Json next = page->value("next", Json());
    if (!next.is_string() || next == params.after) return {};
    params.after = next.get<std::string>();
  }
}

}  // namespace

Result<Json> query_all(Client& client, const std::string& what, Timeout timeout) {
  Json all = Json::array();
  const auto read = each_entry(client, what, {}, timeout, [&](Json& entry) {
    all.push_back(std::move(entry));
    return true;
  });
  if (!read) return tl::make_unexpected(read.error());
  return all;
}

Result<Json> query_queue(Client& client, const std::string& name, Timeout timeout) {
  Json found = Json::object();
  // The list is in the order of names: it is asked for from just before this one, and left behind it.
  const std::string before(utf8_beginning(name, name.empty() ? 0 : name.size() - 1));
  const auto read = each_entry(client, "queues", before, timeout, [&](Json& entry) {
    if (cell(entry, "name") == name) found = std::move(entry);
    return found.empty() && cell(entry, "name") < name;
  });
  if (!read) return tl::make_unexpected(read.error());
  return found;
}

std::optional<Json> ask_queue(Client& client, const CommonOptions& common, const std::string& name) {
  return value_or_complain(query_queue(client, name, common.connect_timeout), common, "queues");
}

std::optional<Json> ask_all(Client& client, const CommonOptions& common, const std::string& what) {
  return value_or_complain(query_all(client, what, common.connect_timeout), common, what);
}

std::optional<Json> command(Client& client, const CommonOptions& common, const std::string& what,
                            const Params& params) {
  const auto tell = [](const std::string& news) {
    const auto value = json_of_answer(news);
    if (!value || !value->is_object() || value->empty()) return;
    const std::uint64_t jobs = number(*value, value->begin().key());
    complain(counted(jobs, "job") + ' ' + are(jobs) + ' ' + value->begin().key() + " so far");
  };
  return value_or_complain(json_of_answer(client.command(what, params, common.connect_timeout, tell)), common, what);
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

std::string time_cell(const Json& of, const std::string& key) {
  const auto found = of.find(key);
  if (found == of.end() || !found->is_number()) return "-";
  return time_text(std::chrono::milliseconds(found->get<std::int64_t>()));
}

std::string age_cell(const Json& of, const std::string& key, std::chrono::milliseconds now) {
  const auto found = of.find(key);
  if (found == of.end() || !found->is_number()) return "-";
  const auto age = now - std::chrono::milliseconds(found->get<std::int64_t>());
  return duration_text(std::max(age, std::chrono::milliseconds(0)));
}

std::string error_cell(const Json& of, std::size_t width) {
  const auto error = of.find("error");
  if (error == of.end() || !error->is_object()) return "-";
  const std::string text = cell(*error, "type") + ": " + cell(*error, "message");
  return shortened(text.substr(0, text.find('\n')), width);
}

std::string rate_cell(const Json& of, const std::string& key) {
  const auto found = of.find(key);
  return found != of.end() && found->is_number() ? rate_text(found->get<double>()) : "-";
}

std::string paused_cell(const Json& queue) {
  if (!flag(queue, "paused")) return "-";
  const std::string reason = cell(queue, "reason");
  const std::string by = cell(queue, "paused_by");
  return (reason.empty() || reason == "-" ? "yes" : reason) + (by == "-" ? "" : " (" + by + ")");
}

bool flag(const Json& of, const std::string& key) {
  const auto found = of.find(key);
  return found != of.end() && found->is_boolean() && found->get<bool>();
}

int print_json(const Json& value) {
  std::cout << value.dump(-1, ' ', false, Json::error_handler_t::replace) << '\n' << std::flush;
  return std::cout ? 0 : 1;
}

}  // namespace zebu::producer
