#pragma once

#include "http/message.h"

#include <ctime>
#include <string>

namespace zebu::webfront {

// "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n" (RFC 9110, 5.6.7), made anew once a second.
class DateHeader {
 public:
  void update(std::time_t now);
  [[nodiscard]] std::string_view text() const { return text_; }

 private:
  std::time_t made_at_ = -1;
  std::string text_;
};

struct Framing {
  bool http_1_0 = false;
  bool keep_alive = true;
  bool is_head = false;  // headers as for GET, and no body
};

// Appends the response as it travels.
void append_response(std::string& to, const Response& response, const Framing& framing, const DateHeader& date);

[[nodiscard]] std::string_view reason_of(unsigned status);

}  // namespace zebu::webfront
