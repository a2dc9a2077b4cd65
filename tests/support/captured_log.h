#pragma once

#include "tests/support/log_lines.h"
#include "zebu/program/line_format.h"

#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>

#include <mutex>

namespace zebu::test {

// What this process logs as long as it exists, at every level, as JSON lines. Other threads may log.
class CapturedLog {
 public:
  CapturedLog() {
    sink_->set_formatter(std::make_unique<LineFormat>(LogFormat::json, false));
    auto logger = std::make_shared<spdlog::logger>("test", sink_);
    logger->set_level(spdlog::level::trace);
    spdlog::set_default_logger(std::move(logger));
  }
  ~CapturedLog() { spdlog::set_default_logger(before_); }
  CapturedLog(const CapturedLog&) = delete;
  CapturedLog& operator=(const CapturedLog&) = delete;

  // All so far.
  [[nodiscard]] std::vector<nlohmann::json> lines() const { return log_lines(sink_->text()); }
  [[nodiscard]] std::size_t count(const std::string& event,
                                  const nlohmann::json& fields = nlohmann::json::object()) const {
    return count_events(sink_->text(), event, fields);
  }

 private:
  class Sink : public spdlog::sinks::base_sink<std::mutex> {
   public:
    std::string text() {
      const std::lock_guard<std::mutex> lock(mutex_);
      return text_;
    }

   private:
    void sink_it_(const spdlog::details::log_msg& message) override {
      spdlog::memory_buf_t line;
      formatter_->format(message, line);
      text_.append(line.data(), line.size());
    }
    void flush_() override {}

    std::string text_;
  };

  std::shared_ptr<Sink> sink_ = std::make_shared<Sink>();
  std::shared_ptr<spdlog::logger> before_ = spdlog::default_logger();
};

}  // namespace zebu::test
