#include "zebu/registry.h"

#include <stdexcept>

namespace zebu {

Registry& Registry::add_all(const Registry& other) {
  for (const auto& [name, task] : other.tasks_) insert(task);
  hooks_.insert(hooks_.end(), other.hooks_.begin(), other.hooks_.end());
  return *this;
}

Registry& Registry::on_start(std::function<void()> hook) {
  if (!hook) throw std::invalid_argument("on_start needs a function");
  hooks_.push_back(std::move(hook));
  return *this;
}

void Registry::start() const {
  for (const auto& hook : hooks_) hook();
}

const Task* Registry::find(std::string_view name) const {
  const auto found = tasks_.find(name);
  return found == tasks_.end() ? nullptr : &found->second;
}

std::vector<std::string_view> Registry::names() const {
  std::vector<std::string_view> names;
  for (const auto& [name, task] : tasks_) names.push_back(name);
  return names;
}

void Registry::insert(Task task) {
  if (!is_valid_name(task.name)) {
    throw std::invalid_argument("'" + task.name +
                                "' is not a valid task name: use 1 to 128 bytes of UTF-8 without spaces");
  }
  std::string name = task.name;
  const auto [at, is_new] = tasks_.try_emplace(std::move(name), std::move(task));
  if (!is_new) throw std::invalid_argument("the task '" + at->first + "' is registered twice");
}

}  // namespace zebu
