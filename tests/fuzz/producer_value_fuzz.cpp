#include "producer/text/value_json.h"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <cstdlib>

// A task's result, whatever its bytes, becomes one JSON value.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text = zebu::producer::json_of({reinterpret_cast<const char*>(data), size});
  if (!nlohmann::json::accept(text)) std::abort();
  return 0;
}
