#pragma once

#include "zebu/program/log.h"

#include <spdlog/formatter.h>

#include <memory>
#include <string>

namespace zebu {

// The event that the calling thread is about to pass to spdlog. spdlog formats in the same thread, so LineFormat finds
// it there; a line without one has the event `line`.
class CurrentEvent {
 public:
  // fields: a list in braces lives as long as the expression that it stands in, so it is to be a parameter of the
  // caller.
  CurrentEvent(Event event, LogFields fields);
  ~CurrentEvent();
  CurrentEvent(const CurrentEvent&) = delete;
  CurrentEvent& operator=(const CurrentEvent&) = delete;

  [[nodiscard]] static const CurrentEvent* here();
  [[nodiscard]] const EventRow& row() const { return row_; }
  [[nodiscard]] LogFields fields() const { return fields_; }

 private:
  const EventRow& row_;
  LogFields fields_;
};

// Makes a line of a message; the formats are those of start_log. Texts of other programs cannot break the line,
// control a terminal or pass for a field.
class LineFormat final : public spdlog::formatter {
 public:
  LineFormat(LogFormat format, bool is_for_journal);

  void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& to) override;
  [[nodiscard]] std::unique_ptr<spdlog::formatter> clone() const override;

  // Of all of them; shown by JSON lines. Thread-safe.
  static void name_instance(std::string instance);

 private:
  LogFormat format_;
  bool is_for_journal_;
};

// Whether this descriptor is what JOURNAL_STREAM says, "DEVICE:INODE": systemd's journal reads it.
[[nodiscard]] bool leads_to_journal(int descriptor, const char* journal_stream);

}  // namespace zebu
