// client BROKER NAME
#include <zebu/client.h>

#include <iostream>

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  auto client = zebu::Client::connect({.broker = argv[1], .name = "outside"});
  if (!client) return 1;
  const auto greeting = (*client)->submit<std::string>("greet", argv[2]).result(std::chrono::seconds(30));
  std::cout << (greeting ? *greeting : greeting.error().message) << '\n';
  return greeting ? 0 : 1;
}
