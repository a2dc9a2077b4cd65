#pragma once

#include "producer/top/top_state.h"

#include <optional>
#include <string>
#include <vector>

namespace zebu::producer {

// A snapshot as text, for programs and pipes: totals; queues, the largest backlog first; consumers, the busiest first.
[[nodiscard]] std::string top_text(const TopData& data, const std::string& endpoint);

// What the state looks at, as lines that fit the size. trouble: why there is no newer answer; empty: there is.
[[nodiscard]] std::vector<ScreenLine> top_screen(const TopState& state, const TopData& data,
                                                 const std::string& endpoint, const std::string& trouble,
                                                 TerminalSize size);

}  // namespace zebu::producer
