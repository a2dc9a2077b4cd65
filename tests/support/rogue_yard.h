#pragma once

#include "tests/support/broker_stub.h"
#include "tests/support/eventually.h"
#include "tests/support/paths.h"
#include "tests/support/process.h"
#include "tests/support/temp_dir.h"
#include "zebu/convert.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <map>
#include <memory>
#include <signal.h>
#include <string>
#include <vector>

// A consumer whose tasks misbehave, on a broker that the test plays. All that they start has its mark in the
// environment or on the command line.
namespace zebu::test {

// Of a file in /proc; empty when its process ends meanwhile.
inline std::string text_of(const std::string& path) {
  std::string text;
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "re"), std::fclose);
  char bytes[4096];
  for (std::size_t got = 1; file && got > 0;) text.append(bytes, got = std::fread(bytes, 1, sizeof bytes, file.get()));
  return text;
}

// Whose environment or command line has this mark. A zombie has neither.
inline std::vector<pid_t> marked_processes(const std::string& mark) {
  std::vector<pid_t> found;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const std::string name = entry.path().filename().string();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    for (const char* file : {"/environ", "/cmdline"}) {
      if (text_of(entry.path().string() + file).find(mark) == std::string::npos) continue;
      found.push_back(std::stoi(name));
      break;
    }
  }
  return found;
}

// Makes the command behind it PID 1.
inline std::vector<std::string> as_pid_1() {
  return {"unshare", "--pid", "--fork", "--mount-proc", "--kill-child", "--"};
}
// Root may, but not in every container.
inline bool may_be_pid_1() {
  std::vector<std::string> command = as_pid_1();
  command.emplace_back("true");
  return run({.command = command}).exit.code == 0;
}

inline JobOptions hard_limit(std::chrono::milliseconds time) {
  JobOptions options;
  options.hard_limit = time;
  return options;
}

struct RogueYard {
  explicit RogueYard(const std::vector<std::string>& options, std::map<std::string, std::string> environment = {},
                     const std::vector<std::string>& before = {})
      : mark("rogue-" + Uuid::make().to_string()), consumer(start(options, std::move(environment), before)) {
    broker.welcome();
    consumer.wait_for_line("zebu-consumer ready", std::chrono::seconds(20));
    broker.hear_until([&] { return broker.credit > 0; });
  }
  // Nothing is left behind by a test that fails.
  ~RogueYard() {
    for (const pid_t pid : marked()) ::kill(pid, SIGKILL);
  }

  [[nodiscard]] bool is_back(const AttemptId& job) const {
    return std::find(broker.returned.begin(), broker.returned.end(), job) != broker.returned.end();
  }
  // A job that comes back unstarted, because no slot has a process at the moment, is given again.
  Outcome run(std::string_view task, const std::string& args = pack_args(), const JobOptions& options = {}) {
    while (true) {
      const AttemptId job = broker.assign(task, args, options);
      broker.hear_until([&] { return broker.ended.count(job) > 0 || is_back(job); });
      if (!is_back(job)) return broker.ended.at(job);
    }
  }
  // The same, until it has reported progress.
  AttemptId begin(std::string_view task, const std::string& args, const JobOptions& options = {}) {
    while (true) {
      const AttemptId job = broker.assign(task, args, options);
      broker.hear_until([&] { return broker.told.count(job) > 0 || is_back(job); });
      if (!is_back(job)) return job;
    }
  }
  Outcome shell(const std::string& script, const JobOptions& options = {}) {
    return run("shell", pack_args(script), options);
  }

  // The consumer, its slots, and what they have started.
  [[nodiscard]] std::vector<pid_t> marked() const { return marked_processes(mark); }
  [[nodiscard]] bool are_left(std::size_t count) const {
    return eventually([&] { return marked().size() == count; }, std::chrono::seconds(20));
  }

  Process start(const std::vector<std::string>& options, std::map<std::string, std::string> environment,
                const std::vector<std::string>& before) {
    ProcessOptions process;
    process.command = before;
    for (const std::string& word : {program("rogue-consumer"), std::string("--broker"), broker.endpoint()}) {
      process.command.push_back(word);
    }
    process.command.insert(process.command.end(), options.begin(), options.end());
    process.environment = std::move(environment);
    process.environment["ROGUE_MARK"] = mark;
    return Process(std::move(process));
  }

  BrokerStub broker;
  TempDir folder;
  std::string mark;
  Process consumer;
};

}  // namespace zebu::test
