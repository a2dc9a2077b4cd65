#include "webfront/guard.h"

#include "http/field.h"
#include "webfront/problem.h"
#include "zebu/program/log.h"

#include <tuple>

namespace zebu::webfront {
namespace {

constexpr std::chrono::milliseconds kLook{500};

// What tells two states of a file apart.
auto traits(const struct stat& file) {
  return std::tuple(file.st_dev, file.st_ino, file.st_size, file.st_mtim.tv_sec, file.st_mtim.tv_nsec);
}

struct stat state_of(const std::string& file) {
  struct stat state {};
  if (::stat(file.c_str(), &state) != 0) return {};
  return state;
}

// RFC 6750, 2.1: "Bearer" and the token. Empty: there is none.
std::string_view bearer_token(std::string_view authorization) {
  const std::string_view scheme = http::take(authorization, ' ');
  return http::is_same_name(scheme, "Bearer") ? http::trim(authorization) : std::string_view();
}

// RFC 6750, 3. error: empty when the request has no token.
http::Response refusal(const http::Problem& problem, std::string_view detail, std::string_view error) {
  http::Response response = problem_response(problem, detail);
  response.headers = "WWW-Authenticate: Bearer realm=\"zebu\"";
  if (!error.empty()) response.headers.append(", error=\"").append(error).append("\"");
  response.headers += "\r\n";
  return response;
}

}  // namespace

Result<void> Guard::start() {
  if (file_.empty()) return {};
  if (auto taken = load(); !taken) return taken;
  watch();
  return {};
}

Result<void> Guard::load() {
  seen_ = state_of(file_);
  auto tokens = Tokens::load(file_);
  if (!tokens) return tl::make_unexpected(tokens.error());
  tokens_ = std::make_shared<const Tokens>(std::move(*tokens));
  {
    const Lock lock(mutex_);
    newest_ = tokens_;
  }
  log_event(Event::tokens_read, {{"file", file_}, {"count", tokens_->size()}}, "{} tokens read from {}",
            tokens_->size(), file_);
  return {};
}

void Guard::reload() {
  const auto taken = load();
  if (taken) return;
  log_event(Event::tokens_unreadable, {{"file", file_}}, "the tokens of before hold on: {}", taken.error().message);
}

void Guard::watch() {
  timer_.expires_after(kLook);
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (error) return;
    if (traits(state_of(file_)) != traits(seen_)) reload();
    watch();
  });
}

std::optional<http::Response> Guard::refuse_elsewhere(const http::Request& request, Right right) const {
  std::shared_ptr<const Tokens> tokens;
  {
    const Lock lock(mutex_);
    tokens = newest_;
  }
  return refuse(request, right, tokens.get());
}

std::optional<http::Response> Guard::refuse(const http::Request& request, Right right, const Tokens* tokens) const {
  if (file_.empty() || right == Right::open) return std::nullopt;
  const std::string_view token = bearer_token(request.authorization);
  if (token.empty()) {
    return refusal(problems::kUnauthorized, "send the header Authorization: Bearer TOKEN", {});
  }
  const Principal* const principal = tokens == nullptr ? nullptr : tokens->find(token);
  if (principal == nullptr) return refusal(problems::kUnauthorized, "there is no such token", "invalid_token");
  if (principal->expires && *principal->expires <= Moment::now().wall)
    return refusal(problems::kUnauthorized, "the token of '" + principal->name + "' has expired", "invalid_token");
  if (!principal->rights.has(right)) {
    return refusal(
        problems::kForbidden,
        "the token of '" + principal->name + "' does not have the right '" + std::string(to_string(right)) + "'",
        "insufficient_scope");
  }
  return std::nullopt;
}

}  // namespace zebu::webfront
