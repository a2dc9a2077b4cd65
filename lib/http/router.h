#pragma once

#include "http/request.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace zebu::http {

// Finds the number of a route by method and path. A path has at most one {parameter}, which matches one segment that is
// not empty. GET's route also serves HEAD. "*" stands for the whole server.
class Router {
 public:
  // Returns the route's number: 0, 1, …. The path outlives the router.
  std::size_t add(Method method, std::string_view path);

  struct Match {
    std::optional<std::size_t> route;
    std::string_view parameter;
    // Without a route: the methods that the path supports ("GET, HEAD, OPTIONS"); empty when no route has the path.
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

}  // namespace zebu::http
