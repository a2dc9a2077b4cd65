#include "zebu/program/log.h"

#include "zebu/program/log_writer.h"
#include "zebu/program/visible_text.h"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/base_sink.h>

#include <unistd.h>

namespace zebu {
namespace {

// The text of a message. It may quote names and messages of other programs.
class VisibleText : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm&, spdlog::memory_buf_t& to) override {
    const std::string text = visible({message.payload.data(), message.payload.size()}, Lines::one);
    to.append(text.data(), text.data() + text.size());
  }
  [[nodiscard]] std::unique_ptr<custom_flag_formatter> clone() const override {
    return std::make_unique<VisibleText>();
  }
};

std::unique_ptr<spdlog::pattern_formatter> formatter() {
  auto formatter = std::make_unique<spdlog::pattern_formatter>(spdlog::pattern_time_type::utc);
  formatter->add_flag<VisibleText>('*').set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %^%l%$ %n[%P]: %*");
  return formatter;
}

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
  Sink() { set_formatter_(formatter()); }

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

}  // namespace

void start_log(const std::string& program, const std::string& level) {
  auto logger = std::make_shared<spdlog::logger>(program, std::make_shared<Sink>());
  logger->set_level(spdlog::level::from_str(level));
  spdlog::set_default_logger(std::move(logger));
  // Called in the writer's thread.
  LogWriter::of_stderr().set_notice([program, how = std::shared_ptr(formatter())](std::uint64_t lines) {
    const std::string text = std::to_string(lines) + " lines were dropped: nobody reads the log";
    spdlog::memory_buf_t line;
    how->format(spdlog::details::log_msg(program, spdlog::level::warn, text), line);
    return std::string(line.data(), line.size());
  });
}

void flush_log() { LogWriter::of_stderr().flush(LogWriter::kExitPatience); }

}  // namespace zebu
