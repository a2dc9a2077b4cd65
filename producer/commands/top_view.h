#pragma once

#include "producer/text/terminal.h"

#include <nlohmann/json_fwd.hpp>

#include <optional>
#include <string>

namespace zebu::producer {

// The broker's answers to the queries of these names.
struct TopSnapshot {
  const nlohmann::json& broker;
  const nlohmann::json& queues;
  const nlohmann::json& consumers;
};

// The snapshot as text: totals; queues, the largest backlog first; consumers, the busiest first. With `fit` the text is
// cut to that size: tables lose their last rows, and say how many are missing. Headings then begin with a tab, as
// FullScreen::draw expects.
[[nodiscard]] std::string top_text(const TopSnapshot& snapshot, const std::string& endpoint,
                                   std::optional<TerminalSize> fit);

}  // namespace zebu::producer
