#include <nlohmann/json.hpp>

#include <algorithm>
#include <answers.h>
#include <commands.h>
#include <iostream>
#include <readable.h>
#include <table.h>

namespace zebu::producer {
namespace {

using Json = nlohmann::json;

// What one query may ask for (docs/protocol.md).
constexpr std::size_t kIdsAQuery = 1'000;

std::string time_cell(const Json& job, const std::string& key) {
  return job.value(key, Json()).is_number() ? time_text(std::chrono::milliseconds(number(job, key))) : "-";
}

std::string ran_cell(const Json& job) {
  return job.value("run_us", Json()).is_number() ? duration_text(std::chrono::microseconds(number(job, "run_us")))
                                                 : "-";
}

Json known_or_not(const JobId& id, const Json& job) {
  if (job.is_object()) return job;
  return Json{{"id", id.to_string()}, {"state", "unknown"}};
}

void print_one(const Json& job) {
  const auto line = [](const char* name, const std::string& value) {
    if (value != "-") std::cout << name << value << '\n';
  };
  line("id         ", cell(job, "id"));
  line("task       ", cell(job, "task"));
  line("queue      ", cell(job, "queue"));
  line("state      ", cell(job, "state"));
  line("attempt    ", cell(job, "attempt"));
  line("transient  ", cell(job, "transient"));
  line("submitted  ", time_cell(job, "submitted_ms"));
  line("started    ", time_cell(job, "started_ms"));
  line("finished   ", time_cell(job, "finished_ms"));
  line("ran        ", ran_cell(job));
  line("consumer   ", cell(job, "consumer"));
  if (job.contains("result")) line("result     ", cell(job, "result"));
  const Json error = job.value("error", Json());
  if (!error.is_object()) return;
  line("error      ", cell(error, "type") + ": " + cell(error, "message"));
  for (const Json& frame : error.value("trace", Json::array()))
    line("  at ", frame.is_string() ? frame.get<std::string>() : "-");
}

void print_table(const std::vector<Json>& jobs) {
  using enum Table::Align;
  Table table({{"ID", left},
               {"TASK", left},
               {"QUEUE", left},
               {"STATE", left},
               {"ATTEMPT", right},
               {"SUBMITTED", left},
               {"RAN", right},
               {"CONSUMER", left}});
  for (const Json& job : jobs) {
    table.add({cell(job, "id"), cell(job, "task"), cell(job, "queue"), cell(job, "state"), cell(job, "attempt"),
               time_cell(job, "submitted_ms"), ran_cell(job), cell(job, "consumer")});
  }
  std::cout << table.text();
}

}  // namespace

int run(const CommonOptions& common, const StatusOptions& options) {
  const auto client = connect(common);
  if (!client) return 1;
  std::vector<Json> jobs;
  for (std::size_t at = 0; at < options.ids.size(); at += kIdsAQuery) {
    const auto first = options.ids.begin() + static_cast<std::ptrdiff_t>(at);
    const std::vector<JobId> ids(first,
                                 first + static_cast<std::ptrdiff_t>(std::min(kIdsAQuery, options.ids.size() - at)));
    const auto answer = ask(*client, common, "jobs", ids);
    if (!answer || answer->size() != ids.size()) return 1;
    for (std::size_t i = 0; i < ids.size(); ++i) jobs.push_back(known_or_not(ids[i], (*answer)[i]));
  }
  if (common.output == Output::json) {
    for (const Json& job : jobs) print_json(job);
  } else if (jobs.size() == 1) {
    print_one(jobs.front());
  } else {
    print_table(jobs);
  }
  const auto is_unknown = [](const Json& job) { return job.value("state", "") == "unknown"; };
  return std::any_of(jobs.begin(), jobs.end(), is_unknown) ? 1 : 0;
}

}  // namespace zebu::producer
