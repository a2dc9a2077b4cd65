#pragma once

#include "tests/support/stack.h"

#include <nlohmann/json.hpp>

#include <stdexcept>
#include <string>

// Jobs over HTTP.
namespace zebu::test {

// A job that runs for a minute.
inline const std::string kSleep = R"({"task": "sleep", "args": [60000]})";

// How many jobs run on all consumers.
inline int running(const Stack& stack) {
  const auto answer = nlohmann::json::parse(stack.get("/v1/consumers").body);
  int count = 0;
  for (const auto& consumer : answer["consumers"]) count += consumer["running"].get<int>();
  return count;
}

// The last word of the type of a problem document, which the reply has to be: "queue_full".
inline std::string problem_of(const HttpReply& reply) {
  if (reply.header("content-type") != "application/problem+json") {
    throw std::runtime_error("this is no problem: " + std::to_string(reply.status) + " " + reply.body);
  }
  return nlohmann::json::parse(reply.body)["type"].get<std::string>().substr(17);
}

}  // namespace zebu::test
