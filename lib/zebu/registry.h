#pragma once

#include "zebu/arguments.h"
#include "zebu/context.h"

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace zebu {

// A named function that a consumer runs for jobs.
struct Task {
  std::string name;
  bool sees_cancel = false;  // it takes a Context, so it can see that its job was cancelled
  // args: one msgpack array; the answer: one msgpack value. Throws what the function throws, and BadArguments.
  std::function<std::string(Context&, Bytes args)> call;
};

// The tasks of a consumer. Filled before the consumer runs, and not changed while it does: with thread slots, a task is
// called from several threads at once.
//
//   registry.add("fib", [](std::uint32_t n) -> std::uint64_t { … });
//   registry.add("scan", [](zebu::Context& context, std::string path, std::optional<int> depth) { … });
//
// Parameters are whatever convert.h converts, Bounded or RawValue; std::optional ones at the end may be left out. The
// result is converted the same way; void becomes nil.
class Registry {
 public:
  // Throws std::invalid_argument when the name is invalid or taken.
  template <class F>
  Registry& add(std::string name, F function) {
    using Signature = arguments_detail::Signature<F>;
    insert({std::move(name), Signature::kTakesContext, [function = std::move(function)](Context& context, Bytes args) {
              return Signature::call(function, context, args);
            }});
    return *this;
  }
  // All tasks of another registry as well.
  Registry& add_all(const Registry& other);

  [[nodiscard]] const Task* find(std::string_view name) const;
  [[nodiscard]] std::vector<std::string_view> names() const;

 private:
  void insert(Task task);

  std::map<std::string, Task, std::less<>> tasks_;
};

}  // namespace zebu
