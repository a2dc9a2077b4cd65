#pragma once

#include "http/request.h"
#include "http/response.h"
#include "http/router.h"
#include "zebu/asio.h"

#include <boost/asio/awaitable.hpp>

#include <functional>
#include <string>
#include <vector>

namespace zebu::http {

using Answer = boost::asio::awaitable<Response>;
// A function of the request, which outlives the coroutine. An exception becomes the problem kInternal. It returns the
// response, or sends one by the request's writer.
using Handler = std::function<Answer(const Request&)>;

struct Route {
  Method method;
  std::string_view path;  // a literal, as for Router
  Handler handler;
  // The handler may take long: earlier responses leave before it starts, and a client that hangs up cancels it.
  bool waits = false;
  // Whether the server lives: also served beyond the limit of connections.
  bool is_vital = false;
  // The response goes on until somebody ends it: a stop of the server does so at once.
  bool is_endless = false;
};

// A server's routes. It never changes, and outlives the server.
class Routes {
 public:
  // see: where a client finds the paths; the detail of a 404.
  Routes(std::vector<Route> routes, std::string see);

  struct Choice {
    const Route* route = nullptr;
    Response instead;  // without a route: 404, 405, 501, or the response to OPTIONS
  };
  // Sets the request's parameter.
  [[nodiscard]] Choice choose(Request& request) const;

 private:
  Router router_;
  std::vector<Route> routes_;  // by the router's numbers
  std::string see_;
};

}  // namespace zebu::http
