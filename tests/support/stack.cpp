#include "tests/support/stack.h"

#include "tests/support/eventually.h"
#include "tests/support/paths.h"
#include "tests/support/schema.h"
#include "tests/support/text.h"

#include <algorithm>
#include <csignal>
#include <sstream>
#include <stdexcept>
#include <utility>

namespace zebu::test {
namespace {

std::vector<std::string> joined(std::vector<std::string> words, const std::vector<std::string>& more) {
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

}  // namespace

std::string ready_field(const std::string& line, const std::string& key) {
  std::istringstream words(line);
  for (std::string word; words >> word;) {
    if (word.starts_with(key + "=")) return word.substr(key.size() + 1);
  }
  throw std::runtime_error("no " + key + "= in '" + line + "'");
}

Stack::Stack(StackOptions options) : options_(std::move(options)) {
  start_broker();
  for (int i = 0; i < options_.consumers; ++i) add_consumer();
  if (options_.with_webfront) start_webfront();
}

void Stack::start_broker() {
  std::vector<std::string> command = {program("zebu-broker"), "--clients", clients_, "--consumers", consumers_};
  const auto& more = options_.broker;
  if (std::find(more.begin(), more.end(), "--store") == more.end()) command = joined(command, {"--store", store()});
  broker_.emplace(ProcessOptions{.command = joined(command, more), .environment = options_.environment});
  const std::string line = broker_->wait_for_line("zebu-broker ready");
  clients_ = ready_field(line, "clients");
  consumers_ = ready_field(line, "consumers");
}

void Stack::kill_broker() {
  broker_->signal(SIGKILL);
  broker_->wait_exit();
}

void Stack::restart_broker() {
  kill_broker();
  start_broker();
}

Process& Stack::add_consumer(const std::vector<std::string>& more) {
  const std::string name = "consumer-" + std::to_string(consumer_processes_.size());
  const std::vector<std::string> command = {program("zebu-consumer"), "--broker", consumers_, "--name", name};
  Process& consumer = consumer_processes_.emplace_back(
      ProcessOptions{.command = joined(joined(command, options_.consumer), more), .environment = options_.environment});
  consumer.wait_for_line("zebu-consumer ready");
  return consumer;
}

void Stack::start_webfront() {
  webfront_.emplace(
      joined({program("zebu-webfront"), "--broker", clients_, "--listen", "127.0.0.1:0"}, options_.webfront));
  const std::string address = ready_field(webfront_->wait_for_line("zebu-webfront ready"), "http");
  http_port_ = static_cast<std::uint16_t>(std::stoul(address.substr(address.rfind(':') + 1)));
  // It listens before the broker has answered it, and /readyz also wants a consumer.
  const bool is_ready = eventually([this] {
    const int status = get("/readyz").status;
    return status == 200 || (status == 503 && consumer_processes_.empty());
  });
  if (!is_ready) throw std::runtime_error("zebu-webfront does not become ready: " + get("/readyz").body);
}

HttpReply Stack::get(const std::string& target, std::chrono::milliseconds limit) const {
  HttpReply reply = http_get(http_port_, target, limit);
  check_against_openapi("GET", target, reply);
  return reply;
}

HttpReply Stack::post(const std::string& target, const std::string& json, HttpHeaders headers,
                      std::chrono::milliseconds limit) const {
  headers.emplace("Content-Type", "application/json");
  HttpReply reply =
      http(http_port_, {.method = "POST", .target = target, .headers = std::move(headers), .body = json}, limit);
  check_against_openapi("POST", target, reply);
  return reply;
}

Finished Stack::produce(std::vector<std::string> arguments, std::chrono::milliseconds limit) const {
  Process process = start_producer(std::move(arguments));
  const ExitStatus exit = process.wait_exit(limit);
  return {exit, process.out(), process.err()};
}

Process Stack::start_producer(std::vector<std::string> arguments) const {
  return Process(joined({program("zebu-producer"), "--broker", clients_}, arguments));
}

std::string submitted(const Stack& stack, std::vector<std::string> arguments) {
  const Finished submit = stack.produce(joined({"submit"}, arguments));
  if (submit.exit.code != 0) throw std::runtime_error("submit failed: " + submit.err);
  return first_line(submit.out);
}

}  // namespace zebu::test
