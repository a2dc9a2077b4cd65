#pragma once

#include "tests/support/eventually.h"
#include "tests/support/process.h"

#include <nlohmann/json.hpp>

#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

// What programs log with --log-format json.
namespace zebu::test {

// A program's arguments, so that it logs JSON.
inline std::vector<std::string> as_json(std::vector<std::string> arguments = {}) {
  arguments.insert(arguments.end(), {"--log-format", "json"});
  return arguments;
}

// Each whole line of a log; one that is no JSON object is an error. Lines of other origin (a task's output) begin
// otherwise and are left out.
inline std::vector<nlohmann::json> log_lines(const std::string& log) {
  std::vector<nlohmann::json> lines;
  std::istringstream text(log.substr(0, log.rfind('\n') + 1));
  for (std::string line; std::getline(text, line);) {
    if (line.starts_with('{')) lines.push_back(nlohmann::json::parse(line));
  }
  return lines;
}

// Whether a line is this event and has all of these fields.
inline bool is_event(const nlohmann::json& line, const std::string& event, const nlohmann::json& fields) {
  if (line.at("event") != event) return false;
  for (const auto& [name, value] : fields.items()) {
    if (!line.contains(name) || line.at(name) != value) return false;
  }
  return true;
}

inline std::size_t count_events(const std::string& log, const std::string& event,
                                const nlohmann::json& fields = nlohmann::json::object()) {
  std::size_t count = 0;
  for (const auto& line : log_lines(log)) count += is_event(line, event, fields) ? 1 : 0;
  return count;
}

// The first line of a program's log that is this event; throws with the whole log if it does not come.
inline nlohmann::json logged(const Process& program, const std::string& event,
                             const nlohmann::json& fields = nlohmann::json::object(),
                             std::chrono::milliseconds limit = std::chrono::seconds(20)) {
  nlohmann::json found;
  const auto has_come = [&] {
    for (const auto& line : log_lines(program.err())) {
      if (is_event(line, event, fields)) return found = line, true;
    }
    return false;
  };
  if (!eventually(has_come, limit)) {
    throw std::runtime_error("no " + event + " " + fields.dump() + " was logged, but:\n" + program.err());
  }
  return found;
}

}  // namespace zebu::test
