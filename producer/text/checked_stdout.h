#pragma once

#include <array>
#include <streambuf>

namespace zebu::producer {

// Replaces std::cout's buffer during its lifetime. It remembers why a write failed, which a stream cannot report, and
// writes nothing after that. On a terminal every line appears at once. Not thread-safe.
class CheckedStdout : public std::streambuf {
 public:
  CheckedStdout();
  ~CheckedStdout() override;
  CheckedStdout(const CheckedStdout&) = delete;
  CheckedStdout& operator=(const CheckedStdout&) = delete;

  // Flushes. Returns `exit_code`, or 1 instead of 0 if anything could not be written, which is reported on stderr.
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
