#pragma once

#include <array>
#include <streambuf>

namespace zebu::producer {

// std::cout's buffer as long as it lives. It remembers why a write failed, which the stream cannot say, and writes
// nothing after that. A terminal gets every line at once. One thread.
class CheckedStdout : public std::streambuf {
 public:
  CheckedStdout();
  ~CheckedStdout() override;
  CheckedStdout(const CheckedStdout&) = delete;
  CheckedStdout& operator=(const CheckedStdout&) = delete;

  // Writes what is left. The exit code, or 1 in place of 0 when something was not written; stderr says so.
  [[nodiscard]] int checked(int exit_code);

 protected:
  int_type overflow(int_type c) override;
  std::streamsize xsputn(const char* text, std::streamsize length) override;
  int sync() override;

 private:
  bool write_out();

  std::streambuf* before_;
  bool is_terminal_;
  int error_ = 0;  // errno of the write that failed
  std::array<char, 16 * 1024> buffer_;
};

}  // namespace zebu::producer
