#include "zebu/arguments.h"

#include "zebu/utf8.h"

#include <algorithm>

namespace zebu {
namespace arguments_detail {
namespace {

// The one value in `bytes`, or nil if it is not of this type.
msgpack::object decode(msgpack::zone& zone, Bytes bytes, msgpack::type::object_type type) {
  try {
    std::size_t used = 0;
    const auto in_place = [](msgpack::type::object_type, std::size_t, void*) { return true; };
    const msgpack::object root =
        msgpack::unpack(zone, bytes.data(), bytes.size(), used, in_place, nullptr, unpack_limit_of(bytes));
    if (used == bytes.size() && root.type == type) return root;
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

std::string in_quotes(std::string_view text) { return "'" + mended_utf8(utf8_beginning(text, 64)) + "'"; }

}  // namespace

Arguments::Arguments(std::string_view task, Bytes bytes, std::size_t least, std::size_t most)
    : task_(task), root_(decode(zone_, bytes, msgpack::type::ARRAY)) {
  if (root_.type != msgpack::type::ARRAY) {
    throw BadArguments("the arguments of " + std::string(task_) + " are not one msgpack array");
  }
  if (count() >= least && count() <= most) return;
  std::string takes = std::to_string(most);
  if (least != most) takes = std::to_string(least) + " to " + takes;
  throw BadArguments(std::string(task_) + " takes " + takes + (most == 1 && least == 1 ? " argument" : " arguments") +
                     ", got " + std::to_string(count()));
}

KeywordMap::KeywordMap(std::string_view task, Bytes bytes) : task_(task) {
  if (bytes.empty()) return;
  const std::string of(task);
  zone_ = std::make_shared<msgpack::zone>();
  const msgpack::object root = decode(*zone_, bytes, msgpack::type::MAP);
  if (root.type != msgpack::type::MAP) throw BadArguments("the keyword arguments of " + of + " are not one map");
  for (std::uint32_t i = 0; i < root.via.map.size; ++i) {
    const msgpack::object& key = root.via.map.ptr[i].key;
    if (key.type != msgpack::type::STR) {
      throw BadArguments("a keyword of " + of + " must be a string, got " + describe(key));
    }
    const std::string_view name(key.via.str.ptr, key.via.str.size);
    if (!values_.emplace(name, root.via.map.ptr[i].val).second) {
      throw BadArguments("keyword " + in_quotes(name) + " of " + of + " is given twice");
    }
  }
}

const msgpack::object* KeywordMap::find(std::string_view name) const {
  const auto found = values_.find(name);
  return found == values_.end() ? nullptr : &found->second;
}

void KeywordMap::refuse(std::string_view name, const std::string& expected) const {
  throw BadArguments("keyword " + in_quotes(name) + " of " + std::string(task_) + ": expected " + expected + ", got " +
                     describe(*find(name)));
}

void KeywordMap::refuse_missing(std::string_view name) const {
  throw BadArguments(std::string(task_) + " needs the keyword " + in_quotes(name));
}

void KeywordMap::refuse_others(const std::vector<std::string_view>& known) const {
  for (const auto& [name, value] : values_) {
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    std::string takes;
    for (const std::string_view one : known) takes += (takes.empty() ? "" : ", ") + std::string(one);
    throw BadArguments(std::string(task_) +
                       (known.empty() ? " takes no keyword arguments" : " takes the keywords " + takes) + ", got " +
                       in_quotes(name));
  }
}

void Arguments::refuse(std::size_t i, const std::string& expected) const {
  throw BadArguments("argument " + std::to_string(i + 1) + " of " + std::string(task_) + ": expected " + expected +
                     ", got " + describe((*this)[i]));
}

}  // namespace arguments_detail

std::vector<std::string_view> Keywords::names() const {
  std::vector<std::string_view> names;
  for (const auto& [name, value] : map_.values()) names.push_back(name);
  return names;
}

}  // namespace zebu
