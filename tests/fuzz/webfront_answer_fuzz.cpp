#include "webfront/json.h"

#include <cstdint>

// What a broker answers, and what a task returns, becomes JSON or an error.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace zebu::webfront;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  static_cast<void>(json::job_status(bytes));
  static_cast<void>(json::object(bytes));
  static_cast<void>(json::first_of_page(bytes, "queues"));
  static_cast<void>(json::queue_counts(bytes));
  static_cast<void>(json::retried_job(bytes));
  static_cast<void>(json::header_of_job(bytes, "zebu-body"));
  static_cast<void>(json::consumer_count(bytes));
  static_cast<void>(json::plain_text(bytes));
  static_cast<void>(json::slow_body(bytes, bytes));
  return 0;
}
