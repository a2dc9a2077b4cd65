#include "consumer/slots/throw_trace.h"

#include "consumer/slots/symbols.h"

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cxxabi.h>
#include <dlfcn.h>
#include <memory>
#include <string_view>
#include <unwind.h>

namespace zebu::consumer {
namespace {

thread_local ThrowTrace* current_trace = nullptr;

struct Walk {
  void** frames;
  std::size_t room;
  std::size_t count;
  std::size_t skip;
  const void* end;
};

_Unwind_Reason_Code visit(_Unwind_Context* context, void* data) {
  auto& walk = *static_cast<Walk*>(data);
  // The stack grows downwards: the frame that ends above the trace is the one that contains it.
  const auto frame_end = static_cast<std::uintptr_t>(_Unwind_GetCFA(context));
  if (frame_end > reinterpret_cast<std::uintptr_t>(walk.end) || walk.count == walk.room) return _URC_END_OF_STACK;
  if (walk.skip > 0) {
    --walk.skip;
  } else if (const auto address = static_cast<std::uintptr_t>(_Unwind_GetIP(context)); address != 0) {
    walk.frames[walk.count++] = reinterpret_cast<void*>(address);  // NOLINT(performance-no-int-to-ptr)
  }
  return _URC_NO_REASON;
}

// Frames between run_task and the task, which are of no interest to the task's author.
bool is_machinery(std::string_view name) {
  return name.rfind("zebu::consumer::run_task(", 0) == 0 ||
         name.find("zebu::arguments_detail::Call<") != std::string_view::npos ||
         name.find("zebu::arguments_detail::call_visibly<") != std::string_view::npos ||
         name.find("zebu::arguments_detail::convert<") != std::string_view::npos ||
         name.find("std::_Function_handler<") != std::string_view::npos ||
         name.find("std::__invoke") != std::string_view::npos;
}

// The function's readable name. If the binary was stripped: the address in the form that addr2line takes.
std::string describe(void* return_address) {
  // The call is before the address that it returns to; for a call that never returns, that may be another function.
  const auto call = reinterpret_cast<std::uintptr_t>(return_address) - 1;
  const Symbol symbol = symbol_at(call);
  if (!symbol.name.empty()) return demangled(symbol.name.c_str());
  char offset[32];
  std::snprintf(offset, sizeof offset, "+0x%zx", static_cast<std::size_t>(symbol.offset));
  return symbol.file + offset;
}

}  // namespace

std::string demangled(const char* symbol) {
  const std::unique_ptr<char, void (*)(void*)> name(abi::__cxa_demangle(symbol, nullptr, nullptr, nullptr), std::free);
  return name ? name.get() : symbol;
}

ThrowTrace::ThrowTrace() noexcept : outer_(current_trace) { current_trace = this; }

ThrowTrace::~ThrowTrace() { current_trace = outer_; }

ThrowTrace* ThrowTrace::current() noexcept { return current_trace; }

void ThrowTrace::record(const std::type_info* type) noexcept {
  Walk walk{frames_.data(), frames_.size(), 0, 2, this};
  _Unwind_Backtrace(visit, &walk);
  count_ = walk.count;
  type_ = type;
}

std::vector<std::string> ThrowTrace::lines() const {
  std::vector<std::string> lines;
  const std::type_info* caught = abi::__cxa_current_exception_type();
  // Another exception was thrown and caught while this one propagated. The recorded stack is not this one's.
  if (type_ == nullptr || caught == nullptr || *caught != *type_) return lines;
  for (std::size_t i = 0; i < count_; ++i) {
    std::string line = describe(frames_[i]);
    if (!is_machinery(line)) lines.push_back(std::move(line));
  }
  return lines;
}

}  // namespace zebu::consumer

#ifndef ZEBU_SANITIZED
// Overrides the C++ library's __cxa_throw in every consumer, since they link this file: records the stack, then calls
// the original. It has another name in C++ because the compiler has declared __cxa_throw with types of its own.
extern "C" [[noreturn]] void zebu_throw(void* object, std::type_info* type,
                                        void (*destroy)(void*)) __asm__("__cxa_throw");

void zebu_throw(void* object, std::type_info* type, void (*destroy)(void*)) {
  using Throw = void (*)(void*, std::type_info*, void (*)(void*));
  static const auto next = reinterpret_cast<Throw>(dlsym(RTLD_NEXT, "__cxa_throw"));
  if (auto* trace = zebu::consumer::ThrowTrace::current()) trace->record(type);
  next(object, type, destroy);
  std::abort();  // not reached
}
#endif
