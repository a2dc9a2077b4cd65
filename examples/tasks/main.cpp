// A complete consumer: one task and one call.
#include <zebu/consumer.h>

#include <cctype>
#include <map>
#include <string>
#include <utility>

std::map<std::string, int> count_words(const std::string& text) {
  std::map<std::string, int> counts;
  std::string word;
  for (const char c : text + ' ') {
    if (std::isalpha(static_cast<unsigned char>(c)) != 0) {
      word += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    } else if (!word.empty()) {
      ++counts[std::exchange(word, {})];
    }
  }
  return counts;
}

int main(int argc, char** argv) {
  zebu::Registry tasks;
  tasks.add("count_words", [](const std::string& text) { return count_words(text); });
  return zebu::run_consumer(argc, argv, tasks);
}
