#include "webfront/rights.h"

namespace zebu::webfront {

std::string_view to_string(Right right) {
  switch (right) {
    case Right::open:
      return "open";
    case Right::read:
      return "read";
    case Right::submit:
      return "submit";
    case Right::operate:
      return "operate";
  }
  return "";
}

std::optional<Right> parse_right(std::string_view name) {
  for (const Right right : {Right::read, Right::submit, Right::operate}) {
    if (name == to_string(right)) return right;
  }
  return std::nullopt;
}

}  // namespace zebu::webfront
