#include "broker/records/attempts.h"

#include "zebu/utf8.h"

#include <algorithm>
#include <array>

namespace zebu::broker {
namespace {

constexpr std::array<std::string_view, 7> kEnds = {"succeeded", "failed",    "crashed", "lost",
                                                   "left",      "cancelled", "lost"};

AttemptLog log_of(std::vector<AttemptRecord> records) {
  if (records.empty()) return nullptr;
  return std::make_shared<const std::vector<AttemptRecord>>(std::move(records));
}

}  // namespace

std::string_view to_string(AttemptEnd end) { return kEnds[static_cast<std::size_t>(end)]; }

AttemptEnd end_of(const Outcome& outcome) {
  if (outcome.state == JobState::succeeded) return AttemptEnd::succeeded;
  if (outcome.state != JobState::failed) return AttemptEnd::cancelled;
  if (outcome.error.type == "zebu::ConsumerLost") return AttemptEnd::lost;
  return outcome.error.kind == ErrorKind::crash ? AttemptEnd::crashed : AttemptEnd::failed;
}

AttemptLog with(const AttemptLog& log, AttemptRecord record) {
  std::vector<AttemptRecord> records;
  if (log) records.assign(log->size() < kMaxAttempts ? log->begin() : log->begin() + 1, log->end());
  records.push_back(std::move(record));
  return log_of(std::move(records));
}

const AttemptRecord* find(const AttemptLog& log, std::uint32_t attempt) {
  if (!log) return nullptr;
  const auto found = std::find_if(log->begin(), log->end(), [&](const auto& each) { return each.attempt == attempt; });
  return found == log->end() ? nullptr : &*found;
}

AttemptLog without(const AttemptLog& log, std::uint32_t attempt) {
  if (!log) return log;
  std::vector<AttemptRecord> records = *log;
  if (std::erase_if(records, [&](const AttemptRecord& each) { return each.attempt == attempt; }) == 0) return log;
  return log_of(std::move(records));
}

AttemptRecord attempt_record(std::uint32_t attempt, AttemptEnd end, const LastAttempt& where, WallTime ended,
                             const Outcome* outcome) {
  AttemptRecord record{attempt, end, where.started, ended, {}, where.consumer ? *where.consumer : std::string(),
                       {},      {}};
  if (outcome == nullptr) return record;
  record.ran = outcome->ran;
  record.type = utf8_beginning(outcome->error.type, kMaxName);
  record.message = utf8_beginning(outcome->error.message, kMaxAttemptMessage);
  return record;
}

}  // namespace zebu::broker
