#include "broker/engine/wording.h"

#include "zebu/job.h"

#include <algorithm>

namespace zebu::broker {

std::string in_quotes(std::string_view name) {
  std::string text(name.substr(0, kMaxName));
  if (!is_valid_name(name)) {
    std::replace_if(
        text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c >= 0x7f; }, '?');
  }
  return "'" + text + "'";
}

std::string list_of(const std::map<std::string, int, std::less<>>& names) {
  constexpr std::size_t kShown = 20;
  std::string text;
  std::size_t shown = 0;
  for (const auto& [name, count] : names) {
    if (shown++ == kShown) return text + ", …";
    text += (text.empty() ? "" : ", ") + name;
  }
  return text;
}

}  // namespace zebu::broker
