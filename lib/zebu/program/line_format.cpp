#include "zebu/program/line_format.h"

#include "zebu/program/visible_text.h"
#include "zebu/thread_annotations.h"
#include "zebu/utf8.h"

#include <nlohmann/json.hpp>
#include <spdlog/pattern_formatter.h>
#include <sys/stat.h>

#include <array>
#include <ctime>
#include <unistd.h>

namespace zebu {
namespace {

thread_local const CurrentEvent* event_here = nullptr;

struct Instance {
  Mutex mutex;
  std::string name ZEBU_GUARDED_BY(mutex);
};

Instance& instance() {
  static auto* instance = new Instance;  // lines are logged until the very end of the program
  return *instance;
}

std::string instance_name() {
  Instance& all = instance();
  const Lock lock(all.mutex);
  return all.name;
}

// "2026-01-31T12:00:00.123Z"
std::string time_text(spdlog::log_clock::time_point time) {
  const auto since = std::chrono::floor<std::chrono::milliseconds>(time.time_since_epoch());
  const std::time_t seconds = std::chrono::floor<std::chrono::seconds>(since).count();
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  std::array<char, 32> text{};
  std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &parts);
  return fmt::format("{}.{:03}Z", text.data(), (since % std::chrono::seconds(1)).count());
}

// As syslog numbers them.
int priority_of(spdlog::level::level_enum level) {
  switch (level) {
    case spdlog::level::critical:
      return 2;
    case spdlog::level::err:
      return 3;
    case spdlog::level::warn:
      return 4;
    case spdlog::level::info:
      return 6;
    default:
      return 7;
  }
}

std::string_view name_of(spdlog::level::level_enum level) {
  const auto name = spdlog::level::to_string_view(level);
  return {name.data(), name.size()};
}

std::string cut(std::string_view text, std::size_t most) {
  if (text.size() <= most) return std::string(text);
  return std::string(utf8_beginning(text, most)) + "…";
}

// A value that contains what ends values or the list of fields is quoted.
std::string field_text(std::string_view value) {
  const std::string shown = visible(cut(value, kMostField), Lines::one);
  if (shown.find_first_of(" \"=[]") == std::string::npos) return shown;
  std::string quoted = "\"";
  for (const char c : shown) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + '"';
}

bool is_absent(const LogField& field) {
  const auto* text = std::get_if<std::string_view>(&field.value());
  return text != nullptr && text->empty();
}

std::string fields_text(const CurrentEvent& event) {
  std::string text = " [" + std::string(event.row().name);
  for (const LogField& field : event.fields()) {
    if (is_absent(field)) continue;
    text += ' ';
    text += field.name();
    text += '=';
    if (const auto* number = std::get_if<std::int64_t>(&field.value())) {
      text += std::to_string(*number);
    } else {
      text += field_text(std::get<std::string_view>(field.value()));
    }
  }
  return text + ']';
}

std::string_view payload_of(const spdlog::details::log_msg& message) {
  return {message.payload.data(), message.payload.size()};
}

void format_text(const spdlog::details::log_msg& message, bool is_for_journal, spdlog::memory_buf_t& to) {
  if (!is_for_journal) fmt::format_to(std::back_inserter(to), "{} ", time_text(message.time));
  message.color_range_start = to.size();
  to.append(name_of(message.level));
  message.color_range_end = to.size();
  if (!is_for_journal) {
    fmt::format_to(std::back_inserter(to), " {}[{}]",
                   std::string_view(message.logger_name.data(), message.logger_name.size()), ::getpid());
  }
  to.append(std::string_view(": "));
  to.append(visible(cut(payload_of(message), kMostMessage), Lines::one));
  if (event_here != nullptr) to.append(fields_text(*event_here));
}

// All but ASCII is escaped, so that a terminal shows nothing that was not meant for it.
void format_json(const spdlog::details::log_msg& message, spdlog::memory_buf_t& to) {
  nlohmann::ordered_json line{{"ts", time_text(message.time)},
                              {"level", name_of(message.level)},
                              {"program", std::string(message.logger_name.data(), message.logger_name.size())},
                              {"pid", ::getpid()}};
  if (std::string name = instance_name(); !name.empty()) line["instance"] = std::move(name);
  line["event"] = event_here == nullptr ? row_of(Event::line).name : event_here->row().name;
  if (event_here != nullptr) {
    for (const LogField& field : event_here->fields()) {
      if (is_absent(field)) continue;
      auto& value = line[std::string(field.name())];
      if (const auto* number = std::get_if<std::int64_t>(&field.value())) {
        value = *number;
      } else {
        value = cut(std::get<std::string_view>(field.value()), kMostField);
      }
    }
  }
  line["message"] = cut(payload_of(message), kMostMessage);
  to.append(line.dump(-1, ' ', true, nlohmann::ordered_json::error_handler_t::replace));
}

}  // namespace

CurrentEvent::CurrentEvent(Event event, LogFields fields) : row_(row_of(event)), fields_(fields) { event_here = this; }
CurrentEvent::~CurrentEvent() { event_here = nullptr; }
const CurrentEvent* CurrentEvent::here() { return event_here; }

LineFormat::LineFormat(LogFormat format, bool is_for_journal) : format_(format), is_for_journal_(is_for_journal) {}

void LineFormat::format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& to) {
  if (is_for_journal_) fmt::format_to(std::back_inserter(to), "<{}>", priority_of(message.level));
  if (format_ == LogFormat::json) {
    format_json(message, to);
  } else {
    format_text(message, is_for_journal_, to);
  }
  to.push_back('\n');
}

std::unique_ptr<spdlog::formatter> LineFormat::clone() const {
  return std::make_unique<LineFormat>(format_, is_for_journal_);
}

void LineFormat::name_instance(std::string name) {
  Instance& all = instance();
  const Lock lock(all.mutex);
  all.name = std::move(name);
}

bool leads_to_journal(int descriptor, const char* journal_stream) {
  struct stat status {};
  if (journal_stream == nullptr || ::fstat(descriptor, &status) != 0) return false;
  return journal_stream == std::to_string(status.st_dev) + ":" + std::to_string(status.st_ino);
}

}  // namespace zebu
