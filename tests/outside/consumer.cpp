#include <zebu/consumer.h>

#include <stdexcept>
#include <string>

std::string greet(const std::string& name) {
  if (name.empty()) throw std::invalid_argument("the name is empty");
  return "Hello, " + name;
}

int main(int argc, char** argv) {
  zebu::Registry tasks;
  tasks.add("greet", [](const std::string& name) { return greet(name); });
  return zebu::run_consumer(argc, argv, tasks);
}
