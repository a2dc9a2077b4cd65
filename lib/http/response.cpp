#include "http/response.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <cstdio>

namespace zebu::http {
namespace {

void append_number(std::string& to, std::size_t number, int base = 10) {
  std::array<char, 20> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number, base).ptr;
  to.append(digits.data(), end);
}

void append_length(std::string& to, std::size_t size, const Framing& framing) {
  if (!framing.in_pieces) {
    to.append("Content-Length: ");
    append_number(to, size);
    to.append("\r\n");
  } else if (!framing.http_1_0) {
    to.append("Transfer-Encoding: chunked\r\n");
  }
}

}  // namespace

ServerHeaders::ServerHeaders(std::string_view server) : server_("Server: " + std::string(server) + "\r\n") {}

void ServerHeaders::update(std::time_t now) {
  if (now == made_at_) return;
  made_at_ = now;
  // Not strftime: its %a and %b follow the locale.
  static constexpr const char* kDays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                            "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  std::tm utc{};
  gmtime_r(&now, &utc);
  std::array<char, 64> text;
  const int length =
      std::snprintf(text.data(), text.size(), "Date: %s, %02d %s %04d %02d:%02d:%02d GMT\r\n", kDays[utc.tm_wday],
                    utc.tm_mday, kMonths[utc.tm_mon], utc.tm_year + 1900, utc.tm_hour, utc.tm_min, utc.tm_sec);
  text_.assign(server_).append(text.data(), static_cast<std::size_t>(length));
}

bool has_body(const Response& response, const Framing& framing) { return !framing.is_head && response.status != 204; }

void append_head(std::string& to, const Response& response, const Framing& framing, const ServerHeaders& shared) {
  to.append("HTTP/1.1 ");
  append_number(to, response.status);
  to.push_back(' ');
  to.append(reason_of(response.status)).append("\r\n").append(shared.text());
  if (response.status != 204) {
    to.append("Content-Type: ").append(response.content_type).append("\r\n");
    append_length(to, response.body.size(), framing);
  }
  if (!framing.request_id.empty()) to.append("X-Request-Id: ").append(framing.request_id).append("\r\n");
  to.append(response.headers);
  if (!framing.keep_alive) {
    to.append("Connection: close\r\n");
  } else if (framing.http_1_0) {
    to.append("Connection: keep-alive\r\n");
  }
  to.append("\r\n");
}

void append_chunk_size(std::string& to, std::size_t size) {
  append_number(to, size, 16);
  to.append("\r\n");
}

std::string_view reason_of(unsigned status) {
  switch (status) {
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 413:
      return "Content Too Large";
    case 415:
      return "Unsupported Media Type";
    case 417:
      return "Expectation Failed";
    case 421:
      return "Misdirected Request";
    case 422:
      return "Unprocessable Content";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    case 505:
      return "HTTP Version Not Supported";
    case 507:
      return "Insufficient Storage";
    default:
      return "";
  }
}

std::string retry_after(std::chrono::milliseconds delay) {
  const auto seconds = std::max<std::int64_t>(1, (delay.count() + 999) / 1000);
  return "Retry-After: " + std::to_string(seconds) + "\r\n";
}

}  // namespace zebu::http
