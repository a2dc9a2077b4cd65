#include "http/routes.h"

#include "http/problem.h"

namespace zebu::http {

Routes::Routes(std::vector<Route> routes, std::string see) : routes_(std::move(routes)), see_(std::move(see)) {
  for (const Route& route : routes_) router_.add(route.method, route.path);
}

Routes::Choice Routes::choose(Request& request) const {
  Choice choice;
  if (request.method == Method::other) {
    choice.instead = problem_response(problems::kNotImplemented, "this server does not know the request's method");
    return choice;
  }
  const Router::Match match = router_.find(request.method, request.target);
  if (match.route) {
    request.parameter = match.parameter;
    choice.route = &routes_[*match.route];
  } else if (match.allow.empty()) {
    choice.instead = problem_response(problems::kNotFound, see_);
  } else {
    choice.instead.status = 204;
    if (request.method != Method::options) {
      choice.instead = problem_response(problems::kMethodNotAllowed, "this path supports " + match.allow);
    }
    choice.instead.headers = "Allow: " + match.allow + "\r\n";
  }
  return choice;
}

}  // namespace zebu::http
