#include "http/router.h"

#include <algorithm>

namespace zebu::http {

std::size_t Router::add(Method method, std::string_view path) {
  Entry entry{method, {}};
  path.remove_prefix(1);
  for (;;) {
    const std::size_t slash = path.find('/');
    entry.segments.push_back(path.substr(0, slash));
    if (slash == std::string_view::npos) break;
    path.remove_prefix(slash + 1);
  }
  entries_.push_back(std::move(entry));
  return entries_.size() - 1;
}

Router::Match Router::find(Method method, const Target& target) const {
  const Method wanted = method == Method::head ? Method::get : method;
  Match match;
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    if (entries_[i].method == wanted && fits(entries_[i], target, match.parameter)) {
      match.route = i;
      return match;
    }
  }
  match.allow = allowed(target);
  return match;
}

bool Router::fits(const Entry& entry, const Target& target, std::string_view& parameter) {
  const auto segments = target.segments();
  if (segments.size() != entry.segments.size()) return false;
  for (std::size_t i = 0; i < segments.size(); ++i) {
    if (entry.segments[i].starts_with('{')) {
      if (segments[i].empty()) return false;
      parameter = segments[i];
    } else if (entry.segments[i] != segments[i]) {
      return false;
    }
  }
  return true;
}

std::string Router::allowed(const Target& target) const {
  std::string allow;
  std::string_view parameter;
  for (const Method method : {Method::get, Method::post, Method::put, Method::patch, Method::delete_}) {
    const bool is_there = std::any_of(entries_.begin(), entries_.end(), [&](const Entry& entry) {
      return entry.method == method && (target.is_asterisk() || fits(entry, target, parameter));
    });
    if (!is_there) continue;
    allow.append(name_of(method)).append(", ");
    if (method == Method::get) allow += "HEAD, ";
  }
  return allow.empty() ? allow : allow + "OPTIONS";
}

}  // namespace zebu::http
