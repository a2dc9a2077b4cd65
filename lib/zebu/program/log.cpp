#include "zebu/program/log.h"

#include "zebu/program/visible_text.h"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_color_sinks.h>

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

}  // namespace

void start_log(const std::string& program, const std::string& level) {
  auto formatter = std::make_unique<spdlog::pattern_formatter>(spdlog::pattern_time_type::utc);
  formatter->add_flag<VisibleText>('*').set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %^%l%$ %n[%P]: %*");
  auto logger = std::make_shared<spdlog::logger>(program, std::make_shared<spdlog::sinks::stderr_color_sink_mt>());
  logger->set_formatter(std::move(formatter));
  logger->set_level(spdlog::level::from_str(level));
  logger->flush_on(spdlog::level::trace);
  spdlog::set_default_logger(std::move(logger));
}

}  // namespace zebu
