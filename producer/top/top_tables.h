#pragma once

#include "producer/text/table.h"
#include "producer/top/top_state.h"

#include <string>
#include <vector>

namespace zebu::producer {

// A line that sums everything up, and one that says who answers.
[[nodiscard]] std::string totals_line(const TopData& data);
[[nodiscard]] std::string broker_line(const TopData& data, const std::string& endpoint);

[[nodiscard]] Table queue_table(const std::vector<nlohmann::json>& queues);
[[nodiscard]] std::vector<nlohmann::json> busiest_first(const nlohmann::json& consumers);
[[nodiscard]] Table consumer_table(const std::vector<nlohmann::json>& consumers);
[[nodiscard]] Table job_table(const nlohmann::json& jobs);

}  // namespace zebu::producer
