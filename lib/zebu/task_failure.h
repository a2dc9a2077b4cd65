#pragma once

#include <chrono>
#include <stdexcept>
#include <string>
#include <utility>

// Exceptions with a meaning for the broker. Any other exception that a task throws fails the attempt with the
// exception's own type and text.
namespace zebu {

// Fails the attempt with a type of the task's own choice: throw TaskFailure("scan.Timeout", "no answer from the
// mirror"). As after any other exception, the job is retried if it has retries left.
class TaskFailure : public std::runtime_error {
 public:
  TaskFailure(std::string type, const std::string& message) : std::runtime_error(message), type_(std::move(type)) {}

  [[nodiscard]] const std::string& type() const { return type_; }

 private:
  std::string type_;
};

// A failure that another attempt would only repeat: the job fails at once, however many retries it has left.
// throw PermanentFailure("scan.Infected", "3 files of 12").
class PermanentFailure : public TaskFailure {
 public:
  using TaskFailure::TaskFailure;
};

// A failure that asks for the next attempt after this time, instead of the job's own delay: throw
// Retry(std::chrono::seconds(30), "the mirror is busy"). It uses up a retry, and waits no longer than the job's
// longest delay (RetryPolicy::cap).
class Retry : public TaskFailure {
 public:
  explicit Retry(std::chrono::milliseconds after, const std::string& message = "the task asked for a retry",
                 std::string type = "zebu::Retry")
      : TaskFailure(std::move(type), message), after_(after) {}

  [[nodiscard]] std::chrono::milliseconds after() const { return after_; }

 private:
  std::chrono::milliseconds after_;
};

// The arguments do not fit the task: wrong count, wrong types, out of range. The job fails at once, without retries.
class BadArguments : public std::invalid_argument {
 public:
  using std::invalid_argument::invalid_argument;
};

// Ends a cancelled job as `cancelled`. After the soft limit it fails the attempt with zebu::SoftLimit. Otherwise it
// fails the attempt like any other exception.
class Cancelled : public std::exception {
 public:
  [[nodiscard]] const char* what() const noexcept override { return "the job was cancelled"; }
};

}  // namespace zebu
