#include "http/problem.h"

#include "zebu/program/json_text.h"

namespace zebu::http {

Response problem_response(const Problem& problem, std::string_view detail, std::string_view extension) {
  std::string body = "{";
  if (!detail.empty()) body.append("\"detail\":").append(json_string(detail)).append(",");
  if (!extension.empty()) body.append(extension).append(",");
  body.append("\"status\":").append(std::to_string(problem.status)).append(",\"title\":");
  body.append(json_string(problem.title)).append(",\"type\":\"").append(kProblemPrefix).append(problem.type);
  return {problem.status, kProblem, body.append("\"}"), {}};
}

}  // namespace zebu::http
