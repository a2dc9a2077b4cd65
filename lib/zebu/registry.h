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
  bool sees_cancel = false;  // the function takes a Context, so it can see that its job was cancelled
  // args: one msgpack array. Returns one msgpack value. Throws BadArguments, and whatever the function throws.
  std::function<std::string(Context&, Bytes args)> call;
};

// The tasks of a consumer. Fill it before the consumer runs, and do not change it afterwards. With thread slots a task
// is called from several threads at once.
//
//   registry.add("fib", [](std::uint32_t n) -> std::uint64_t { … });
//   registry.add("scan", [](zebu::Context& context, std::string path, std::optional<int> depth) { … });
//
// A parameter may have any type that convert.h converts, Bounded or RawValue. Trailing std::optional parameters may be
// omitted by the submitter. The result is converted in the same way; void becomes nil. Keyword and Keywords are filled
// with keyword arguments; a task without such a parameter refuses a job that has some.
class Registry {
 public:
  // Throws std::invalid_argument if the name is invalid or already used.
  template <class F>
  Registry& add(std::string name, F function) {
    using Signature = arguments_detail::Signature<F>;
    insert({std::move(name), Signature::kTakesContext, [function = std::move(function)](Context& context, Bytes args) {
              return Signature::call(function, context, args);
            }});
    return *this;
  }
  // The hook runs once in each slot's process before its first job (with --pool threads once in the consumer), for
  // instance to load a model. Hooks run in the order in which they were added. If one throws, its slot takes no jobs,
  // and starts again after a pause. The processes that a hook starts stay until the slot's process ends.
  Registry& on_start(std::function<void()> hook);
  // Adds all tasks and hooks of another registry.
  Registry& add_all(const Registry& other);

  [[nodiscard]] const Task* find(std::string_view name) const;
  [[nodiscard]] std::vector<std::string_view> names() const;
  [[nodiscard]] bool has_hooks() const { return !hooks_.empty(); }
  // Runs the hooks. Throws what they throw.
  void start() const;

 private:
  void insert(Task task);

  std::map<std::string, Task, std::less<>> tasks_;
  std::vector<std::function<void()>> hooks_;
};

}  // namespace zebu
