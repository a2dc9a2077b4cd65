#pragma once

#include "zebu/program/events.h"

#include <spdlog/spdlog.h>

#include <chrono>
#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace zebu {

enum class LogFormat { text, json };

struct LogOptions {
  std::string program;
  std::string level = "info";   // a value of --log-level
  std::string format = "text";  // a value of --log-format
};

// Sends logs to stderr, one line for each event. No thread that logs waits for the reader of stderr: see LogWriter.
//
//   text   time in UTC, level, program[pid]: message [event field=value …]
//   json   {"ts":…,"level":…,"program":…,"pid":…,"instance":…,"event":…, the fields, "message":…}, in ASCII
//
// Where stderr leads to systemd's journal, a line begins with its priority (<4>), and a text has neither time nor
// program: the journal has both.
void start_log(const LogOptions& options);
// The `instance` of the JSON lines from now on.
void name_log_instance(std::string instance);

// Before a program ends in another way than by main() or exit(): what is logged leaves, for a bounded time.
void flush_log();

// A field of an event. Text is a view: it has to live during the call. Empty text means that the field does not apply,
// and is left out.
class LogField {
 public:
  LogField(std::string_view name, std::string_view value) : name_(name), value_(value) {}
  LogField(std::string_view name, const std::string& value) : LogField(name, std::string_view(value)) {}
  LogField(std::string_view name, const char* value) : LogField(name, std::string_view(value)) {}
  template <std::integral Number>
  LogField(std::string_view name, Number value) : name_(name), value_(static_cast<std::int64_t>(value)) {}
  // In milliseconds.
  template <class Rep, class Period>
  LogField(std::string_view name, std::chrono::duration<Rep, Period> value)
      : LogField(name, std::chrono::duration_cast<std::chrono::milliseconds>(value).count()) {}

  // Unset: it does not apply.
  template <std::integral Number>
  LogField(std::string_view name, const std::optional<Number>& value) : name_(name) {
    if (value) value_ = static_cast<std::int64_t>(*value);
  }

  [[nodiscard]] std::string_view name() const { return name_; }
  [[nodiscard]] const std::variant<std::string_view, std::int64_t>& value() const { return value_; }

 private:
  std::string_view name_;
  std::variant<std::string_view, std::int64_t> value_;
};
using LogFields = std::initializer_list<LogField>;

// Whether an event leaves a line: one comparison. Ask it first where the fields themselves cost something.
[[nodiscard]] inline bool is_logged(Event event) { return spdlog::should_log(row_of(event).level); }

namespace log_detail {
void write(Event event, LogFields fields, std::string_view message);
}

// Logs an event. Thread-safe. Of each event above debug at most kMostLines leave within kLogWindow; the others are
// counted, and one line says how many they were.
template <class... Args>
void log_event(Event event, LogFields fields, spdlog::format_string_t<Args...> text, Args&&... args) {
  if (is_logged(event)) log_detail::write(event, fields, fmt::format(text, std::forward<Args>(args)...));
}

inline constexpr std::size_t kMostLines = 100;
inline constexpr std::chrono::seconds kLogWindow{10};
// Longer texts of other programs are cut.
inline constexpr std::size_t kMostMessage = 4096;
inline constexpr std::size_t kMostField = 512;

// Says how many lines were left out in windows that have passed. Each program's loop calls it about once a second.
void tick_log(std::chrono::steady_clock::time_point now = std::chrono::steady_clock::now());

}  // namespace zebu
