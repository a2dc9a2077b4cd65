#pragma once

#include "zebu/wire/message.h"

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace zebu::broker {

// The common parts of the tables of queries and commands.

// The right that a request needs. For now every client has all rights, and a consumer none: the port determines the
// peer's role.
enum class Right : std::uint8_t { submit, read, operate };

// The fields of message::Params.
enum class Param : std::uint8_t { ids, queue, task, state, reason, consumer, after, limit };

class ParamSet {
 public:
  constexpr ParamSet(std::initializer_list<Param> params) {
    for (const Param param : params) bits_ |= bit(param);
  }
  // Those that are given.
  explicit ParamSet(const message::Params& params);

  [[nodiscard]] constexpr bool has(Param param) const { return (bits_ & bit(param)) != 0; }
  // The first of these that `other` does not have.
  [[nodiscard]] std::optional<Param> first_missing_in(ParamSet other) const;
  // "queue, task and state", or "no parameters".
  [[nodiscard]] std::string in_words() const;
  bool operator==(const ParamSet&) const = default;

 private:
  [[nodiscard]] static constexpr std::uint8_t bit(Param param) {
    return static_cast<std::uint8_t>(1U << static_cast<unsigned>(param));
  }

  std::uint8_t bits_ = 0;
};

// A query or a command, as docs/protocol.md's tables have it.
struct Request {
  std::string_view name;
  ParamSet takes;
  ParamSet needs;
  Right right;
};

// A row of either table: the request, and the function that answers it.
template <class Call>
struct RequestRow {
  Request request;
  void (*answer)(const Call& call);
};

inline constexpr std::size_t kMaxIds = 1000;     // that a request may name
inline constexpr std::uint32_t kMaxPage = 1000;  // jobs on a page of a list

// Why a request with these params is refused, for the user; nullopt if they fit its row.
[[nodiscard]] std::optional<std::string> why_refused(const Request& request, const message::Params& params);
// "unknown query 'weather': there are jobs, list and broker"
[[nodiscard]] std::string unknown_request(std::string_view kind, std::string_view name,
                                          const std::vector<Request>& known);

// The requests of a table, for its error messages and for tests.
template <class Call>
std::vector<Request> requests_of(std::span<const RequestRow<Call>> rows) {
  std::vector<Request> requests;
  for (const RequestRow<Call>& row : rows) requests.push_back(row.request);
  return requests;
}

// Answers `call` by the row of that name, or returns why it cannot be answered. `kind` is "query" or "command".
template <class Call>
std::optional<std::string> answer_by(std::span<const RequestRow<Call>> rows, std::string_view kind,
                                     std::string_view name, const Call& call) {
  for (const RequestRow<Call>& row : rows) {
    if (row.request.name != name) continue;
    auto refused = why_refused(row.request, call.params);
    if (!refused) row.answer(call);
    return refused;
  }
  return unknown_request(kind, name, requests_of(rows));
}

}  // namespace zebu::broker
