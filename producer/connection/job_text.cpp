#include "producer/connection/job_text.h"

#include "producer/connection/answers.h"
#include "producer/text/readable.h"
#include "zebu/job.h"
#include "zebu/program/visible_text.h"

#include <nlohmann/json.hpp>

#include <sstream>

namespace zebu::producer {
namespace {

using Json = nlohmann::json;

class JobWriter {
 public:
  [[nodiscard]] std::string text() const { return out_.str(); }

  void line(const std::string& name, const std::string& value) {
    if (value == "-" || value.empty()) return;
    out_ << name << std::string(name.size() < 11 ? 11 - name.size() : 1, ' ') << visible(value, Lines::one) << '\n';
  }

  // A value of several lines: the name stands before the first one.
  void lines(std::string name, const std::string& value) {
    std::istringstream in(value);
    for (std::string text; std::getline(in, text); name.clear()) line(name, text);
  }

  // Printed only if the count is above 0.
  void count_line(const Json& job, const std::string& key) {
    if (number(job, key) > 0) line(key, count_cell(job, key));
  }

  void print_attempts(const Json& job) {
    line("attempt", cell(job, "attempt"));
    const std::uint64_t retries = number(job, "retries");
    if (retries > 0 || number(job, "failures") > 0) {
      line("failures", count_cell(job, "failures") + ", " + count_text(retries) +
                           (retries == 1 ? " retry" : " retries") + " allowed");
    }
    count_line(job, "crashes");
    count_line(job, "losses");
  }

  void print_times(const Json& job) {
    line("submitted", time_cell(job, "submitted_ms"));
    line("due", time_cell(job, "due_ms"));
    line("expires", time_cell(job, "expires_ms"));
    line("started", time_cell(job, "started_ms"));
    line("finished", time_cell(job, "finished_ms"));
    line("ran", ran_cell(job));
  }

  void print_progress(const Json& job) {
    const Json progress = job.value("progress", Json());
    if (!progress.is_object()) return;
    const Json done = progress.value("done", Json());
    const std::string share = done.is_number() ? fixed_text(done.get<double>() * 100, 0) + " %" : "";
    const Json note_field = progress.value("note", Json());
    const std::string note = note_field.is_string() ? note_field.get<std::string>() : "";
    line("progress", share + (share.empty() || note.empty() ? "" : ", ") + note);
    const Json output = progress.value("output", Json());
    if (output.is_string()) lines("output", output.get<std::string>());
  }

  void print_error(const std::string& name, const Json& error) {
    lines(name, cell(error, "type") + ": " + cell(error, "message"));
    for (const Json& frame : error.value("trace", Json::array()))
      line("  at", frame.is_string() ? frame.get<std::string>() : "-");
    if (number(error, "retry_after_ms") > 0)
      line("  retry", "asked for after " + duration_cell(error, "retry_after_ms"));
    if (const Json cause = error.value("cause", Json()); cause.is_object()) print_error("  cause", cause);
  }

  void print_error(const Json& job) {
    const Json error = job.value("error", Json());
    // A job that has not failed has the error of its last attempt.
    if (error.is_object()) print_error(cell(job, "state") == "failed" ? "error" : "last error", error);
  }

  void print_arguments(const Json& job) {
    for (const char* name : {"args", "kwargs"}) {
      const auto found = job.find(name);
      if (found == job.end()) continue;
      line(name, found->is_string() ? found->get<std::string>()
                                    : found->dump(-1, ' ', false, Json::error_handler_t::replace));
    }
    if (number(job, "args_bytes") > 0) {
      line("args", bytes_text(number(job, "args_bytes")) + ", too large to be shown");
    }
  }

  // One line for each attempt, if there was more than one: the newest is what the rest tells of.
  void print_log(const Json& job) {
    const Json attempts = job.value("attempts", Json::array());
    if (!attempts.is_array() || attempts.size() < 2) return;
    for (const Json& each : attempts) {
      std::string text =
          cell(each, "attempt") + ": " + (each.value("ended", Json()).is_null() ? "runs" : cell(each, "ended"));
      text += ", " + time_cell(each, "started_ms");
      if (number(each, "run_us") > 0) text += ", ran " + ran_cell(each);
      if (cell(each, "consumer") != "-") text += ", on " + cell(each, "consumer");
      if (each.contains("type")) text += ", " + cell(each, "type") + ": " + cell(each, "message");
      line(&each == &attempts.front() ? "attempts" : "", text);
    }
  }

  void write(const Json& job) {
    line("id", cell(job, "id"));
    line("task", cell(job, "task"));
    line("queue", cell(job, "queue"));
    line("state", cell(job, "state"));
    if (number(job, "priority") != kDefaultPriority) line("priority", cell(job, "priority"));
    print_arguments(job);
    print_attempts(job);
    if (flag(job, "private")) line("private", "yes");
    if (flag(job, "transient")) line("transient", "yes");
    line("unique", cell(job, "unique"));
    const Json headers = job.value("headers", Json::object());
    for (const auto& [key, value] : headers.items())
      line("header", key + "=" + (value.is_string() ? value.get<std::string>() : "-"));
    print_times(job);
    line("consumer", cell(job, "consumer"));
    print_log(job);
    print_progress(job);
    if (job.contains("result")) lines("result", cell(job, "result"));
    print_error(job);
  }

 private:
  std::ostringstream out_;
};

}  // namespace

std::string ran_cell(const Json& job) {
  return job.value("run_us", Json()).is_number() ? duration_text(std::chrono::microseconds(number(job, "run_us")))
                                                 : "-";
}

std::string job_text(const Json& job) {
  JobWriter writer;
  writer.write(job);
  return writer.text();
}

}  // namespace zebu::producer
