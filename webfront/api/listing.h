#pragma once

#include "webfront/api/api.h"
#include "zebu/client_request.h"

#include <optional>
#include <span>
#include <string_view>

namespace zebu::webfront::api {

struct List {
  std::string_view what;  // the broker's query: "list", "queues" or "consumers"
  Params filter = {};
  // The query parameters that the filter is made of, beside after and limit. Others are refused: a filter with a slip
  // in its name must not list everything.
  std::span<const std::string_view> parameters = {};
  // Instead of a first page without entries.
  std::optional<Response> if_empty = std::nullopt;
};

// A page of a list of the broker, by the request's ?after= and ?limit=: {"queues": […], "next": …}.
[[nodiscard]] Answer list_response(const Api& api, const Request& request, List list);

// Why the query parameters of a request that knows only these are wrong.
[[nodiscard]] std::optional<Response> refuse_parameters(const Request& request,
                                                        std::span<const std::string_view> known);

}  // namespace zebu::webfront::api
