#pragma once

#include "producer/connection/broker_connection.h"

#include <nlohmann/json_fwd.hpp>

#include <optional>
#include <string>

// The broker's answers to queries as JSON. A binary value (a job's result) becomes the JSON of the msgpack value that
// it holds.
namespace zebu::producer {

[[nodiscard]] Result<nlohmann::json> query(Client& client, const std::string& what, const Params& params,
                                           Timeout timeout);

// The answer, or nullopt after an error, which has been reported on stderr.
[[nodiscard]] std::optional<nlohmann::json> value_or_complain(const Result<nlohmann::json>& answer,
                                                              const CommonOptions& common, const std::string& what);
[[nodiscard]] std::optional<nlohmann::json> ask(Client& client, const CommonOptions& common, const std::string& what,
                                                const Params& params = {});
// All entries of a list that the broker tells page by page ("queues", "consumers"), as one list. Each page may take as
// long as `timeout` says.
[[nodiscard]] Result<nlohmann::json> query_all(Client& client, const std::string& what, Timeout timeout);
// The same, as ask() has it.
[[nodiscard]] std::optional<nlohmann::json> ask_all(Client& client, const CommonOptions& common,
                                                    const std::string& what);
// The entry of one queue; an empty object if the broker does not know it.
[[nodiscard]] Result<nlohmann::json> query_queue(Client& client, const std::string& name, Timeout timeout);
[[nodiscard]] std::optional<nlohmann::json> ask_queue(Client& client, const CommonOptions& common,
                                                      const std::string& name);
// As ask(), for a command. How far a long one has come is reported on stderr.
[[nodiscard]] std::optional<nlohmann::json> command(Client& client, const CommonOptions& common,
                                                    const std::string& what, const Params& params);

// A field as text: a string unchanged, a list joined with commas, "-" if it is missing or null.
[[nodiscard]] std::string cell(const nlohmann::json& of, const std::string& key);
// A numeric field, or 0 if it is missing.
[[nodiscard]] std::uint64_t number(const nlohmann::json& of, const std::string& key);
[[nodiscard]] std::string count_cell(const nlohmann::json& of, const std::string& key);
// A field in milliseconds as readable text, or "-".
[[nodiscard]] std::string duration_cell(const nlohmann::json& of, const std::string& key);
// A Unix time in milliseconds as text in UTC, or "-".
[[nodiscard]] std::string time_cell(const nlohmann::json& of, const std::string& key);
// How long ago a Unix time in milliseconds was, or "-".
[[nodiscard]] std::string age_cell(const nlohmann::json& of, const std::string& key, std::chrono::milliseconds now);
// "type: message" of the object's error: its first line, at most `width` characters; "-" if there is none.
[[nodiscard]] std::string error_cell(const nlohmann::json& of, std::size_t width);
// A rate in jobs per second, or "-".
[[nodiscard]] std::string rate_cell(const nlohmann::json& of, const std::string& key);
// Why a queue is paused, "yes" if no reason was given, and by whom; "-" if it is not paused.
[[nodiscard]] std::string paused_cell(const nlohmann::json& queue);
[[nodiscard]] bool flag(const nlohmann::json& of, const std::string& key);

// Prints one line of JSON on stdout. Returns the exit code.
int print_json(const nlohmann::json& value);

}  // namespace zebu::producer
