#pragma once

#include "producer/text/terminal.h"

#include <nlohmann/json_fwd.hpp>

#include <optional>
#include <string>

namespace zebu::producer {

// One look at the broker: its answers to the queries of these names.
struct TopLook {
  const nlohmann::json& broker;
  const nlohmann::json& queues;
  const nlohmann::json& consumers;
};

// The look as lines for people: totals; queues, the largest backlog first; consumers, the busiest first. With `fit` no
// line is longer and there are no more of them: the ends of tables give way, and say how much is missing; headings
// begin with a tab, as FullScreen::draw likes it.
[[nodiscard]] std::string top_text(const TopLook& look, const std::string& endpoint, std::optional<TerminalSize> fit);

}  // namespace zebu::producer
