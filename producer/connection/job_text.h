#pragma once

#include <nlohmann/json_fwd.hpp>

#include <string>

namespace zebu::producer {

// Everything that the broker's answer says of one job, a line for each thing.
[[nodiscard]] std::string job_text(const nlohmann::json& job);

// How long its newest attempt ran, or "-".
[[nodiscard]] std::string ran_cell(const nlohmann::json& job);

}  // namespace zebu::producer
