#include "webfront/json.h"

#include <cstdint>

// What a broker answers, and what a task returns, becomes JSON or an error.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace zebu::webfront;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  static_cast<void>(json::job_status(bytes));
  static_cast<void>(json::listing(bytes));
  static_cast<void>(json::consumer_count(bytes));
  static_cast<void>(json::plain_text(bytes));
  static_cast<void>(json::slow_body(bytes, bytes));
  return 0;
}
