#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <typeinfo>
#include <vector>

namespace zebu::consumer {

[[nodiscard]] std::string demangled(const char* symbol);

// While this object exists, every throw of its thread records its stack here: addresses only, which is cheap, because
// most exceptions are caught and forgotten. The stack ends at the function that made this object. Sanitizers replace
// __cxa_throw themselves: in such builds no stack is recorded.
class ThrowTrace {
 public:
  ThrowTrace() noexcept;
  ~ThrowTrace();
  ThrowTrace(const ThrowTrace&) = delete;
  ThrowTrace& operator=(const ThrowTrace&) = delete;

  // Inside a catch block: the stack of the caught exception's throw, innermost first, one readable line per frame.
  [[nodiscard]] std::vector<std::string> lines() const;

  // The calling thread's innermost trace, or null.
  [[nodiscard]] static ThrowTrace* current() noexcept;
  [[gnu::noinline]] void record(const std::type_info* type) noexcept;

 private:
  static constexpr std::size_t kMaxFrames = 64;

  ThrowTrace* outer_;
  const std::type_info* type_ = nullptr;
  std::size_t count_ = 0;
  std::array<void*, kMaxFrames> frames_;
};

}  // namespace zebu::consumer
