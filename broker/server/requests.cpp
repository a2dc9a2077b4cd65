#include "broker/server/requests.h"

#include "broker/engine/wording.h"

#include <iterator>

namespace zebu::broker {
namespace {

// In the order of Param.
constexpr std::string_view kNames[] = {"ids", "queue", "task", "state", "reason", "consumer", "after", "limit"};
constexpr std::size_t kParams = std::size(kNames);

std::string enumerated(const std::vector<std::string_view>& names) {
  std::string text;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (i > 0) text += i + 1 == names.size() ? " and " : ", ";
    text += names[i];
  }
  return text;
}

std::string_view name_of(Param param) { return kNames[static_cast<std::size_t>(param)]; }

}  // namespace

ParamSet::ParamSet(const message::Params& params) {
  const auto add_if = [&](bool is_given, Param param) {
    if (is_given) bits_ |= bit(param);
  };
  add_if(!params.ids.empty(), Param::ids);
  add_if(!params.queue.empty(), Param::queue);
  add_if(!params.task.empty(), Param::task);
  add_if(params.state.has_value(), Param::state);
  add_if(!params.reason.empty(), Param::reason);
  add_if(!params.consumer.empty(), Param::consumer);
  add_if(!params.after.empty(), Param::after);
  add_if(params.limit != 0, Param::limit);
}

std::optional<Param> ParamSet::first_missing_in(ParamSet other) const {
  for (std::size_t i = 0; i < kParams; ++i) {
    const auto param = static_cast<Param>(i);
    if (has(param) && !other.has(param)) return param;
  }
  return std::nullopt;
}

std::string ParamSet::in_words() const {
  std::vector<std::string_view> names;
  for (std::size_t i = 0; i < kParams; ++i) {
    if (has(static_cast<Param>(i))) names.push_back(kNames[i]);
  }
  return names.empty() ? "no parameters" : enumerated(names);
}

std::optional<std::string> why_refused(const Request& request, const message::Params& params) {
  const ParamSet given(params);
  const std::string name(request.name);
  if (const auto foreign = given.first_missing_in(request.takes)) {
    return name + " does not take " + std::string(name_of(*foreign)) + ": it takes " + request.takes.in_words();
  }
  if (const auto missing = request.needs.first_missing_in(given)) {
    return name + " needs the parameter " + std::string(name_of(*missing));
  }
  if (params.ids.size() > kMaxIds) {
    return name + " takes at most " + std::to_string(kMaxIds) + " ids, not " + std::to_string(params.ids.size());
  }
  if (params.limit > kMaxPage) {
    return name + " takes a limit of at most " + std::to_string(kMaxPage) + ", not " + std::to_string(params.limit);
  }
  return std::nullopt;
}

std::string unknown_request(std::string_view kind, std::string_view name, const std::vector<Request>& known) {
  std::vector<std::string_view> names;
  for (const Request& request : known) names.push_back(request.name);
  return "unknown " + std::string(kind) + ' ' + in_quotes(name) + ": there are " + enumerated(names);
}

}  // namespace zebu::broker
