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
  bool get = target.is_asterisk();
  bool post = target.is_asterisk();
  std::string_view parameter;
  for (const Entry& entry : entries_) {
    if (!fits(entry, target, parameter)) continue;
    get = get || entry.method == Method::get;
    post = post || entry.method == Method::post;
  }
  if (!get && !post) return {};
  return std::string(get ? "GET, HEAD, " : "") + (post ? "POST, " : "") + "OPTIONS";
}

}  // namespace zebu::http
