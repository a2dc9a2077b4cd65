#pragma once

#include "producer/connection/broker_connection.h"

#include <nlohmann/json_fwd.hpp>

#include <optional>
#include <string>

// The broker's answers to queries as JSON. Binary values in them (a job's result) are shown as the JSON of the msgpack
// value that they hold.
namespace zebu::producer {

[[nodiscard]] Result<nlohmann::json> query(Client& client, const std::string& what, const Params& params,
                                           Timeout timeout);

// Nothing after it has said on stderr what went wrong.
[[nodiscard]] std::optional<nlohmann::json> ask(Client& client, const CommonOptions& common, const std::string& what,
                                                const Params& params = {});
// The same for a command.
[[nodiscard]] std::optional<nlohmann::json> command(Client& client, const CommonOptions& common,
                                                    const std::string& what, const Params& params);

// A field for people: "-" when it is not there or null, a string as it is, a list joined with commas.
[[nodiscard]] std::string cell(const nlohmann::json& of, const std::string& key);
// The number there, or 0.
[[nodiscard]] std::uint64_t number(const nlohmann::json& of, const std::string& key);
[[nodiscard]] std::string count_cell(const nlohmann::json& of, const std::string& key);
// A number of milliseconds, for people, or "-".
[[nodiscard]] std::string duration_cell(const nlohmann::json& of, const std::string& key);
// The Unix time there in UTC, or "-".
[[nodiscard]] std::string time_cell(const nlohmann::json& of, const std::string& key);
// How long ago the Unix time there was, or "-".
[[nodiscard]] std::string age_cell(const nlohmann::json& of, const std::string& key, std::chrono::milliseconds now);
// "type: message" of the error there, its first line and at most `width` characters; "-" without one.
[[nodiscard]] std::string error_cell(const nlohmann::json& of, std::size_t width);
// Jobs a second.
[[nodiscard]] std::string rate_cell(const nlohmann::json& of, const std::string& key);
// Of a queue: why it is paused, "yes" without a reason; "-" when it is not.
[[nodiscard]] std::string paused_cell(const nlohmann::json& queue);
[[nodiscard]] bool flag(const nlohmann::json& of, const std::string& key);

// The answer on stdout as one line of JSON; the exit code.
int print_json(const nlohmann::json& value);

}  // namespace zebu::producer
