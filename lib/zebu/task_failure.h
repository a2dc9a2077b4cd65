#pragma once

#include <stdexcept>
#include <string>
#include <utility>

// What a task may throw to say more than any other exception does. Whatever else it throws fails its job with the
// exception's own type and text.
namespace zebu {

// Fails the job with a type of the task's own choice: throw TaskFailure("scan.Infected", "3 files of 12").
class TaskFailure : public std::runtime_error {
 public:
  TaskFailure(std::string type, const std::string& message) : std::runtime_error(message), type_(std::move(type)) {}

  [[nodiscard]] const std::string& type() const { return type_; }

 private:
  std::string type_;
};

// The arguments do not fit the task: wrong count, wrong types, out of range.
class BadArguments : public std::invalid_argument {
 public:
  using std::invalid_argument::invalid_argument;
};

// Ends a job that was cancelled, as cancelled. Thrown without that it fails the job as any exception does.
class Cancelled : public std::exception {
 public:
  [[nodiscard]] const char* what() const noexcept override { return "the job was cancelled"; }
};

}  // namespace zebu
