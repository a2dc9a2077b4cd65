#pragma once

#include "http/message.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace zebu::webfront {

// Method × path → the number of a route. A path has at most one {parameter}, which stands for one segment that is not
// empty. HEAD is served by GET's route, OPTIONS by all.
class Router {
 public:
  // Returns the route's number: 0, 1, ….
  std::size_t add(Method method, std::string_view path);

  struct Match {
    std::optional<std::size_t> route;
    std::string_view parameter;
    // Without a route: the methods that the path has ("GET, HEAD, OPTIONS"), or nothing when there is no such path.
    std::string allow;
  };
  [[nodiscard]] Match find(Method method, const Target& target) const;

 private:
  struct Entry {
    Method method;
    std::vector<std::string_view> segments;
  };
  static bool fits(const Entry& entry, const Target& target, std::string_view& parameter);
  [[nodiscard]] std::string allowed(const Target& target) const;

  std::vector<Entry> entries_;
};

}  // namespace zebu::webfront
