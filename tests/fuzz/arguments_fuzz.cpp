#include "zebu/registry.h"
#include "zebu/task_failure.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace {

zebu::Registry tasks() {
  zebu::Registry registry;
  registry.add("number", [](zebu::Bounded<0, 93> n) { return n.value; });
  registry.add("mixed", [](int a, const std::string& b, std::optional<double> c) {
    return b.size() + static_cast<std::size_t>(a != 0) + static_cast<std::size_t>(c.has_value());
  });
  registry.add("containers", [](const std::vector<std::int16_t>& a, const std::map<std::string, bool>& b) {
    return a.size() + b.size();
  });
  registry.add("raw", [](const zebu::RawValue& value) { return value; });
  registry.add("keywords", [](zebu::Keyword<"n", int> n, zebu::Keyword<"text", std::optional<std::string>> text) {
    return n.value + static_cast<int>(text.value.has_value());
  });
  registry.add("any", [](const zebu::Keywords& keywords) {
    std::size_t texts = 0;
    for (const std::string_view name : keywords.names()) texts += keywords.get<std::string>(name).size();
    return texts;
  });
  return registry;
}

}  // namespace

// A submitter's arguments and keyword arguments, whatever they are, are converted or refused as BadArguments.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const zebu::Registry registry = tasks();
  const zebu::Bytes args(reinterpret_cast<const char*>(data), size);
  for (const std::string_view name : registry.names()) {
    zebu::Context context({.id = {}, .task = name, .queue = "default"});
    try {
      static_cast<void>(registry.find(name)->call(context, args));
    } catch (const zebu::BadArguments&) {
    }
    zebu::Context::Parts parts{.id = {}, .task = name, .queue = "default"};
    parts.kwargs = args;
    zebu::Context with_keywords(std::move(parts));
    try {
      static_cast<void>(registry.find(name)->call(with_keywords, "\x90"));
    } catch (const zebu::BadArguments&) {
    }
  }
  return 0;
}
