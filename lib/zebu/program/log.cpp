#include "zebu/program/log.h"

#include "zebu/program/line_format.h"
#include "zebu/program/log_limit.h"
#include "zebu/program/log_writer.h"

#include <spdlog/sinks/base_sink.h>

#include <cstdlib>
#include <unistd.h>

namespace zebu {
namespace {

std::string_view colour_of(spdlog::level::level_enum level) {
  switch (level) {
    case spdlog::level::info:
      return "\033[32m";
    case spdlog::level::warn:
      return "\033[33m\033[1m";
    case spdlog::level::err:
      return "\033[31m\033[1m";
    case spdlog::level::critical:
      return "\033[1m\033[41m";
    default:
      return "\033[36m";
  }
}

// Lines for the writer of stderr; on a terminal the level has a colour.
class Sink : public spdlog::sinks::base_sink<std::mutex> {
 public:
  explicit Sink(std::unique_ptr<spdlog::formatter> format) { set_formatter_(std::move(format)); }

 private:
  void sink_it_(const spdlog::details::log_msg& message) override {
    spdlog::memory_buf_t text;
    message.color_range_start = message.color_range_end = 0;
    formatter_->format(message, text);
    const std::string_view line(text.data(), text.size());
    if (!is_terminal_ || message.color_range_end <= message.color_range_start) {
      return LogWriter::of_stderr().add(line);
    }
    std::string coloured(line.substr(0, message.color_range_start));
    coloured += colour_of(message.level);
    coloured += line.substr(message.color_range_start, message.color_range_end - message.color_range_start);
    coloured += "\033[0m";
    coloured += line.substr(message.color_range_end);
    LogWriter::of_stderr().add(coloured);
  }
  void flush_() override {}

  const bool is_terminal_ = ::isatty(STDERR_FILENO) == 1;
};

// Never destroyed: lines are logged until the very end of the program.
LogLimit& log_limit() {
  static auto* limit = new LogLimit(kMostLines, kLogWindow);
  return *limit;
}

void write_now(Event event, LogFields fields, std::string_view message) {
  const CurrentEvent current(event, fields);
  spdlog::default_logger_raw()->log(row_of(event).level, spdlog::string_view_t(message.data(), message.size()));
}

void say_left_out(const std::vector<LogLimit::LeftOut>& all) {
  for (const auto& [event, count] : all) {
    const std::string_view name = row_of(event).name;
    if (!is_logged(Event::lines_left_out)) continue;
    write_now(Event::lines_left_out, {{"of", name}, {"count", count}},
              fmt::format("{} more lines of {} were left out: it may have {} in {} s", count, name, kMostLines,
                          kLogWindow.count()));
  }
}

}  // namespace

void start_log(const LogOptions& options) {
  const bool is_for_journal =
      leads_to_journal(STDERR_FILENO, std::getenv("JOURNAL_STREAM"));  // NOLINT(concurrency-mt-unsafe)
  const LineFormat format(options.format == "json" ? LogFormat::json : LogFormat::text, is_for_journal);
  auto logger = std::make_shared<spdlog::logger>(options.program, std::make_shared<Sink>(format.clone()));
  logger->set_level(spdlog::level::from_str(options.level));
  spdlog::set_default_logger(std::move(logger));
  // Called in the writer's thread.
  const auto notice = [program = options.program, how = std::shared_ptr(format.clone())](std::uint64_t lines,
                                                                                         LogFields fields) {
    const CurrentEvent current(Event::lines_dropped, fields);
    const std::string text = std::to_string(lines) + " lines were dropped: nobody reads the log";
    spdlog::memory_buf_t line;
    how->format(spdlog::details::log_msg(program, spdlog::level::warn, text), line);
    return std::string(line.data(), line.size());
  };
  LogWriter::of_stderr().set_notice([notice](std::uint64_t lines) { return notice(lines, {{"count", lines}}); });
}

void name_log_instance(std::string instance) { LineFormat::name_instance(std::move(instance)); }

void flush_log() { LogWriter::of_stderr().flush(LogWriter::kExitPatience); }

void tick_log(std::chrono::steady_clock::time_point now) { say_left_out(log_limit().tick(now)); }

namespace log_detail {

void write(Event event, LogFields fields, std::string_view message) {
  const auto level = row_of(event).level;
  const bool is_limited = level > spdlog::level::debug && level < spdlog::level::critical;
  if (is_limited && !log_limit().may_leave(event, std::chrono::steady_clock::now())) return;
  write_now(event, fields, message);
}

}  // namespace log_detail
}  // namespace zebu
