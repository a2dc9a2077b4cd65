#include "http/target.h"

#include "http/field.h"
#include "zebu/hex.h"

#include <algorithm>

namespace zebu::http {

bool percent_decode(std::string_view text, bool plus_is_space, std::string& to) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus_is_space) {
      to.push_back(' ');
    } else if (text[i] != '%') {
      to.push_back(text[i]);
    } else {
      if (i + 2 >= text.size()) return false;
      const int high = hex_digit(text[i + 1]);
      const int low = hex_digit(text[i + 2]);
      if (high < 0 || low < 0) return false;
      to.push_back(static_cast<char>(high << 4 | low));
      i += 2;
    }
  }
  return true;
}

bool Target::parse(std::string_view text) {
  if (text == "*") return asterisk_ = true;
  if (text.starts_with("http://") || text.starts_with("https://")) {
    text.remove_prefix(text.find("//") + 2);
    const std::size_t path = text.find_first_of("/?");
    authority_ = text.substr(0, path);
    if (authority_.empty()) return false;
    text.remove_prefix(std::min(path, text.size()));
    if (text.empty() || text.front() == '?')
      return parse_path("") && parse_query(text.substr(std::min<std::size_t>(1, text.size())));
  } else if (!text.starts_with('/')) {
    return false;
  }
  text.remove_prefix(1);
  const std::size_t mark = text.find('?');
  if (mark == std::string_view::npos) return parse_path(text);
  return parse_path(text.substr(0, mark)) && parse_query(text.substr(mark + 1));
}

bool Target::parse_path(std::string_view path) {
  decoded_.reserve(path.size());
  for (;;) {
    const std::size_t slash = path.find('/');
    std::string_view segment = path.substr(0, slash);
    if (segment.find('%') != std::string_view::npos) {
      const std::size_t start = decoded_.size();
      if (!percent_decode(segment, false, decoded_)) return false;
      segment = std::string_view(decoded_).substr(start);
    }
    if (count_ < kMaxSegments) segments_[count_] = segment;
    ++count_;
    if (slash == std::string_view::npos) return true;
    path.remove_prefix(slash + 1);
  }
}

bool Target::parse_query(std::string_view query) {
  while (!query.empty()) {
    std::string_view value = take(query, '&');
    const std::string_view name = take(value, '=');
    auto& [decoded_name, decoded_value] = query_.emplace_back();
    if (!percent_decode(name, true, decoded_name) || !percent_decode(value, true, decoded_value)) return false;
  }
  return true;
}

std::optional<std::string_view> Target::parameter(std::string_view name) const {
  const auto found = std::find_if(query_.begin(), query_.end(), [&](const auto& p) { return p.first == name; });
  if (found == query_.end()) return std::nullopt;
  return found->second;
}

}  // namespace zebu::http
