#include "webfront/api/job_events.h"

#include "http/field.h"
#include "zebu/program/json_text.h"
#include "zebu/wire/value_writer.h"

#include <algorithm>
#include <charconv>
#include <utility>

namespace zebu::webfront::api {
namespace {

// What stands where something of a private job would, as in the broker's answers.
constexpr std::string_view kPrivate = "private";

template <class Number>
bool take_number(std::string_view& text, Number& number) {
  const std::string_view digits = http::take(text, '-');
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  return !digits.empty() && error == std::errc() && end == digits.data() + digits.size();
}

std::string done_json(const std::optional<double>& done) {
  if (!done) return "null";
  std::string value;
  ValueWriter(value).real(*done);
  return json_of(value);
}

std::string progress_json(std::uint32_t attempt, const Progress& progress) {
  std::string data = R"({"attempt":)" + std::to_string(attempt);
  data.append(R"(,"done":)").append(done_json(progress.done));
  data.append(R"(,"note":)").append(json_string(progress.note));
  data.append(R"(,"output":)").append(json_string(progress.output));
  data.append(R"(,"offset":)").append(std::to_string(progress.offset));
  return data.append(R"(,"number":)").append(std::to_string(progress.number)).append("}");
}

// Leaves what the reader does not have.
Progress news_in(const Progress& progress, const EventPlace& place) {
  Progress news = progress;
  // Without a number it is newer.
  if (news.number != 0 && news.number <= place.number) {
    news.done.reset();
    news.note.clear();
  }
  if (news.offset < place.end) {
    const std::uint64_t had = std::min<std::uint64_t>(place.end - news.offset, news.output.size());
    news.output.erase(0, static_cast<std::size_t>(had));
    news.offset += had;
  }
  return news;
}

}  // namespace

std::string event_id(const EventPlace& place) {
  return std::string(to_string(place.state)) + "-" + std::to_string(place.attempt) + "-" +
         std::to_string(place.number) + "-" + std::to_string(place.end);
}

std::optional<EventPlace> parse_event_id(std::string_view text) {
  const std::string_view whole = text;
  const auto state = job_state_from(http::take(text, '-'));
  if (!state) return std::nullopt;
  EventPlace place{.state = *state};
  const bool has_numbers =
      take_number(text, place.attempt) && take_number(text, place.number) && take_number(text, place.end);
  // There is one id for each place: 01 is no number.
  return has_numbers && event_id(place) == whole ? std::optional(place) : std::nullopt;
}

void JobEvents::add(std::string& to, std::string_view name, std::string_view data) const {
  to.append("event: ").append(name).append("\nid: ").append(event_id(place_));
  to.append("\ndata: ").append(data).append("\n\n");
}

void JobEvents::add_state(std::string& to, JobState state, std::uint32_t attempt) {
  if (is_told_ && place_.state == state && place_.attempt == attempt) return;
  if (place_.attempt != attempt) place_ = {.attempt = attempt};
  place_.state = state;
  is_told_ = true;
  add(to, "state",
      R"({"id":")" + id_ + R"(","state":")" + std::string(to_string(state)) + R"(","attempt":)" +
          std::to_string(attempt) + "}");
}

void JobEvents::add_progress(std::string& to, std::uint32_t attempt, const Progress& progress) {
  // What is under way of an attempt before.
  if (attempt < place_.attempt) return;
  // It runs, before the broker was asked.
  if (attempt > place_.attempt || place_.state != JobState::running) add_state(to, JobState::running, attempt);
  if (is_private_ && progress.number != 0 && progress.number <= place_.number) return;
  Progress news = news_in(progress, place_);
  if (!news.done && news.note.empty() && news.output.empty()) return;
  place_.number = std::max(place_.number, news.number);
  // A report without output has no place in it.
  if (news.output.empty()) news.offset = place_.end;
  place_.end = news.offset + news.output.size();
  if (is_private_) {
    // How much it is, is not shown either.
    news.offset = place_.end = 0;
    if (!news.note.empty()) news.note = kPrivate;
    if (!news.output.empty()) news.output = kPrivate;
  }
  add(to, "progress", progress_json(attempt, news));
}

void JobEvents::add_outcome(std::string& to, JobState state, std::optional<std::uint32_t> attempt,
                            std::string_view body) {
  if (attempt && *attempt != place_.attempt) place_ = {.attempt = *attempt};
  place_.state = state;
  is_told_ = true;
  add(to, "outcome", body);
}

void JobEvents::add_disconnected(std::string& to, const Error& why) {
  if (!std::exchange(is_told_, false)) return;
  to.append("event: disconnected\ndata: {\"detail\":").append(json_string(why.message)).append("}\n\n");
}

void JobEvents::add_gone(std::string& to, std::string_view document) {
  to.append("event: gone\ndata: ").append(document).append("\n\n");
}

}  // namespace zebu::webfront::api
