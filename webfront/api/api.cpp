#include "webfront/api/api.h"

#include "http/problem.h"
#include "webfront/problem.h"
#include "webfront/request_interrupt.h"

#include <charconv>

namespace zebu::webfront::api {

Response failed_wait(const Error& error, const RequestInterrupt& interrupt) {
  return interrupt.is_stopping() ? stopping_response() : error_response(error);
}

Response busy() {
  Response response =
      problem_response(http::problems::kOverloaded, "too many large values wait to be converted: try again soon");
  response.headers = http::retry_after(std::chrono::seconds(1));
  return response;
}

std::optional<std::uint32_t> parse_number(std::string_view text, std::uint32_t most) {
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || error != std::errc() || end != text.data() + text.size() || number > most) return std::nullopt;
  return number;
}

}  // namespace zebu::webfront::api
