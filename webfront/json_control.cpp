#include "webfront/json.h"
#include "zebu/job.h"
#include "zebu/program/json_input.h"
#include "zebu/program/json_text.h"
#include "zebu/program/msgpack_parts.h"

#include <algorithm>

// What people ask of queues, consumers and jobs, and the broker's answers.
namespace zebu::webfront::json {
namespace {

constexpr std::size_t kMaxReason = 1024;

tl::unexpected<Error> no_answer(const char* what) {
  return fail(ErrorCode::bad_value, std::string("the broker's answer is not ") + what);
}

// The first entry of the list `name`; empty: there is none. nullopt: the answer is not a page.
std::optional<Bytes> first_entry(Bytes answer, std::string_view name) {
  const auto page = map_entries(answer);
  const auto entries = page ? list_elements(value_at(*page, name)) : std::nullopt;
  if (!entries) return std::nullopt;
  return entries->empty() ? Bytes() : entries->front();
}

std::optional<std::string> read_param(std::string_view key, std::string_view text, Params& params) {
  if (key == "reason") {
    if (text.size() > kMaxReason) return "\"reason\" has more than 1024 bytes";
    params.reason = text;
  } else if (key == "state") {
    params.state = job_state_from(text);
    if (params.state != JobState::queued && params.state != JobState::failed)
      return "\"state\" must be queued or failed";
  } else {
    if (!is_valid_name(text)) return "\"" + std::string(key) + "\" must be a name of 1 to 128 bytes without spaces";
    (key == "queue" ? params.queue : params.task) = text;
  }
  return std::nullopt;
}

std::string in_words(std::span<const std::string_view> known) {
  std::string words;
  for (const std::string_view name : known) words.append(words.empty() ? "" : " and ").append(name);
  return words.empty() ? "it takes none" : "it takes " + words;
}

}  // namespace

std::optional<std::string> header_of_job(std::string_view answer, std::string_view name) {
  const auto jobs = list_elements(answer);
  const auto job = jobs && !jobs->empty() ? map_entries(jobs->front()) : std::nullopt;
  if (!job) return std::nullopt;
  const auto headers = map_entries(value_at(*job, "headers"));
  const auto value = headers ? text_in(value_at(*headers, name)) : std::nullopt;
  return std::string(value.value_or(""));
}

Result<std::string> object(std::string_view answer) {
  if (!is_map(answer)) return no_answer("a map");
  return json_of(answer);
}

Result<std::optional<std::string>> first_of_page(std::string_view answer, std::string_view name) {
  const auto entry = first_entry(answer, name);
  if (!entry) return no_answer("a page of a list");
  if (entry->empty()) return std::optional<std::string>();
  return std::optional(json_of(*entry));
}

Result<QueueCounts> queue_counts(std::string_view answer) {
  const auto entry = first_entry(answer, "queues");
  if (!entry) return no_answer("a page of queues");
  if (entry->empty()) return QueueCounts();
  const auto queue = map_entries(*entry);
  if (!queue) return no_answer("a page of queues");
  QueueCounts counts;
  const std::pair<std::string_view, std::uint64_t*> members[] = {{"queued", &counts.queued},
                                                                 {"scheduled", &counts.scheduled},
                                                                 {"running", &counts.running},
                                                                 {"consumers", &counts.consumers}};
  for (const auto& [name, to] : members) {
    const auto number = number_in(value_at(*queue, name));
    if (!number) return no_answer("about a queue's jobs");
    *to = *number;
  }
  return counts;
}

std::string backlog_body(const QueueCounts& counts) {
  return R"({"backlog":)" + std::to_string(counts.queued + counts.running) + R"(,"queued":)" +
         std::to_string(counts.queued) + R"(,"scheduled":)" + std::to_string(counts.scheduled) + R"(,"running":)" +
         std::to_string(counts.running) + "}";
}

Result<std::optional<JobId>> retried_job(std::string_view answer) {
  const auto entry = first_entry(answer, "jobs");
  if (!entry) return no_answer("about retried jobs");
  if (entry->empty()) return std::optional<JobId>();
  const auto ids = list_elements(*entry);
  const auto text = ids && ids->size() == 2 ? text_in(ids->back()) : std::nullopt;
  const auto fresh = text ? Uuid::parse(*text) : std::nullopt;
  if (!fresh) return no_answer("about retried jobs");
  return std::optional(*fresh);
}

std::string retried_body(const JobId& fresh, const JobId& old) {
  return R"({"id":")" + fresh.to_string() + R"(","state":"queued","retry_of":")" + old.to_string() + R"("})";
}

Result<Params> parse_params(std::string_view body, std::span<const std::string_view> known) {
  constexpr JsonLimits kLimits{1, "the body nests more than one level deep", "the body"};
  const auto msgpack = msgpack_from_json(body, kLimits);
  if (!msgpack) return tl::make_unexpected(msgpack.error());
  const auto members = map_entries(*msgpack);
  if (!members) return fail(ErrorCode::bad_value, "the body must be a JSON object");
  Params params;
  for (const auto& [key, value] : *members) {
    const std::string member = "\"" + std::string(key) + "\"";
    if (std::find(known.begin(), known.end(), key) == known.end())
      return fail(ErrorCode::bad_value, "unknown member " + member + ": " + in_words(known));
    const auto text = text_in(value);
    if (!text) return fail(ErrorCode::bad_value, member + " must be a string");
    if (auto wrong = read_param(key, *text, params)) return fail(ErrorCode::bad_value, std::move(*wrong));
  }
  return params;
}

}  // namespace zebu::webfront::json
