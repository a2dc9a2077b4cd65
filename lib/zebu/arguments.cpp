#include "zebu/arguments.h"

namespace zebu::arguments_detail {
namespace {

msgpack::object decode(msgpack::zone& zone, Bytes bytes) {
  try {
    std::size_t used = 0;
    const auto in_place = [](msgpack::type::object_type, std::size_t, void*) { return true; };
    const msgpack::object root =
        msgpack::unpack(zone, bytes.data(), bytes.size(), used, in_place, nullptr, unpack_limit_of(bytes));
    if (used == bytes.size() && root.type == msgpack::type::ARRAY) return root;
  } catch (const msgpack::unpack_error&) {
  } catch (const std::bad_alloc&) {
  }
  return {};
}

std::string describe(const msgpack::object& o) {
  switch (o.type) {
    case msgpack::type::NIL:
      return "nil";
    case msgpack::type::BOOLEAN:
      return o.via.boolean ? "true" : "false";
    case msgpack::type::POSITIVE_INTEGER:
      return std::to_string(o.via.u64);
    case msgpack::type::NEGATIVE_INTEGER:
      return std::to_string(o.via.i64);
    case msgpack::type::FLOAT32:
    case msgpack::type::FLOAT64:
      return "a floating-point number";
    case msgpack::type::STR:
      return "a string";
    case msgpack::type::BIN:
      return "binary";
    case msgpack::type::ARRAY:
      return "a list";
    case msgpack::type::MAP:
      return "a map";
    case msgpack::type::EXT:
      return "an extension value";
  }
  return "an unknown value";
}

}  // namespace

Arguments::Arguments(std::string_view task, Bytes bytes, std::size_t least, std::size_t most)
    : task_(task), root_(decode(zone_, bytes)) {
  if (root_.type != msgpack::type::ARRAY) {
    throw BadArguments("the arguments of " + std::string(task_) + " are not one msgpack array");
  }
  if (count() >= least && count() <= most) return;
  std::string takes = std::to_string(most);
  if (least != most) takes = std::to_string(least) + " to " + takes;
  throw BadArguments(std::string(task_) + " takes " + takes + (most == 1 && least == 1 ? " argument" : " arguments") +
                     ", got " + std::to_string(count()));
}

void Arguments::refuse(std::size_t i, const std::string& expected) const {
  throw BadArguments("argument " + std::to_string(i + 1) + " of " + std::string(task_) + ": expected " + expected +
                     ", got " + describe((*this)[i]));
}

}  // namespace zebu::arguments_detail
