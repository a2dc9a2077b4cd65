#pragma once

#include "tests/support/log_lines.h"
#include "zebu/program/line_format.h"

#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include <sstream>

namespace zebu::test {

// What this process logs as long as it exists, at every level, as JSON lines.
class CapturedLog {
 public:
  CapturedLog() {
    auto sink = std::make_shared<spdlog::sinks::ostream_sink_mt>(text_);
    sink->set_formatter(std::make_unique<LineFormat>(LogFormat::json, false));
    auto logger = std::make_shared<spdlog::logger>("test", std::move(sink));
    logger->set_level(spdlog::level::trace);
    spdlog::set_default_logger(std::move(logger));
  }
  ~CapturedLog() { spdlog::set_default_logger(before_); }
  CapturedLog(const CapturedLog&) = delete;
  CapturedLog& operator=(const CapturedLog&) = delete;

  // All so far.
  [[nodiscard]] std::vector<nlohmann::json> lines() const { return log_lines(text_.str()); }
  [[nodiscard]] std::size_t count(const std::string& event,
                                  const nlohmann::json& fields = nlohmann::json::object()) const {
    return count_events(text_.str(), event, fields);
  }

 private:
  std::ostringstream text_;
  std::shared_ptr<spdlog::logger> before_ = spdlog::default_logger();
};

}  // namespace zebu::test
