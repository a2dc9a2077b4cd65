// A consumer that loads a table once in each slot's process, before the first job there.
#include <zebu/consumer.h>
#include <zebu/task_failure.h>

#include <fstream>
#include <map>
#include <stdexcept>
#include <string>

namespace {

std::map<std::string, std::string> capitals;

// A file with a country and its capital in each line.
void load(const std::string& path) {
  std::ifstream file(path);
  for (std::string country, capital; file >> country >> capital;) capitals[country] = capital;
  // The slot takes no jobs, the consumer logs this, and the hook is tried again.
  if (capitals.empty()) throw std::runtime_error("no capitals in " + path);
}

std::string capital_of(const std::string& country) {
  const auto found = capitals.find(country);
  if (found == capitals.end()) throw zebu::PermanentFailure("capitals.Unknown", "no capital of " + country);
  return found->second;
}

}  // namespace

int main(int argc, char** argv) {
  zebu::Registry tasks;
  tasks.on_start([] { load("/usr/share/capitals.txt"); });
  tasks.add("capital_of", capital_of);
  return zebu::run_consumer(argc, argv, tasks);
}
