// Beast 1.74 asserts that at least 5 bytes of the last chunk's header arrive at once. No client promises that, and the
// code after the assertion does not need it.
#define BOOST_DISABLE_ASSERTS
#include "http/request_reader.h"

#include "http/field.h"
#include "zebu/asio.h"

#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include <algorithm>
#include <optional>

namespace zebu::http {
namespace {

namespace beast = boost::beast;
namespace beast_http = boost::beast::http;

constexpr std::size_t kReadSize = 16U << 10;
// Pipelined requests that are read ahead while one is handled.
constexpr std::size_t kMaxAhead = 64U << 10;

template <class View>
std::string_view view(const View& text) {
  return {text.data(), text.size()};
}

Method method_of(beast_http::verb verb) {
  switch (verb) {
    case beast_http::verb::get:
      return Method::get;
    case beast_http::verb::head:
      return Method::head;
    case beast_http::verb::post:
      return Method::post;
    case beast_http::verb::options:
      return Method::options;
    default:
      return Method::other;
  }
}

}  // namespace

struct RequestReader::Parts {
  using Parser = beast_http::request_parser<beast_http::string_body>;

  std::size_t max_header;
  std::size_t max_body;
  beast::flat_buffer buffer;
  std::optional<Parser> parser;
  Refusal refused{};
  bool header_checked = false;
  bool expects_continue = false;

  Step refuse(const Problem& problem, std::string detail) {
    refused = {problem, std::move(detail)};
    return Step::refused;
  }
  Step refuse(const beast::error_code& error);
  [[nodiscard]] std::optional<Refusal> check_header();
};

RequestReader::Step RequestReader::Parts::refuse(const beast::error_code& error) {
  if (error == beast_http::error::header_limit) {
    return refuse(problems::kHeaderTooLarge, "the limit is " + std::to_string(max_header) + " bytes");
  }
  if (error == beast_http::error::body_limit) {
    return refuse(problems::kTooLarge, "the limit is " + std::to_string(max_body) + " bytes");
  }
  if (error == beast_http::error::bad_version)
    return refuse(problems::kVersion, "this server supports HTTP/1.1 and 1.0");
  return refuse(problems::kBadRequest, "not an HTTP request: " + error.message());
}

std::optional<RequestReader::Refusal> RequestReader::Parts::check_header() {
  const auto& fields = parser->get();
  if (fields.version() > 11) return Refusal{problems::kVersion, "this server supports HTTP/1.1 and 1.0"};
  const auto hosts = fields.count(beast_http::field::host);
  if (hosts > 1 || (hosts == 0 && fields.version() == 11)) {
    return Refusal{problems::kBadRequest, hosts == 0 ? "HTTP/1.1 requires a Host header" : "more than one Host header"};
  }
  const auto expect = fields.find(beast_http::field::expect);
  if (expect != fields.end() && fields.version() == 11) {
    if (!is_same_name(view(expect->value()), "100-continue")) {
      return Refusal{problems::kExpectation, "only 100-continue is supported"};
    }
    expects_continue = true;
  }
  return std::nullopt;
}

RequestReader::RequestReader(std::size_t max_header, std::size_t max_body)
    : parts_(new Parts{max_header, max_body, beast::flat_buffer(max_header + kMaxAhead), {}}) {
  begin();
}

RequestReader::~RequestReader() = default;

void RequestReader::begin() {
  parts_->parser.emplace();
  parts_->parser->header_limit(static_cast<std::uint32_t>(parts_->max_header));
  parts_->parser->body_limit(parts_->max_body);
  parts_->parser->eager(true);
  parts_->header_checked = parts_->expects_continue = false;
}

std::span<char> RequestReader::room() {
  auto& buffer = parts_->buffer;
  const auto room = buffer.prepare(std::min(kReadSize, buffer.max_size() - buffer.size()));
  return {static_cast<char*>(room.data()), room.size()};
}

void RequestReader::commit(std::size_t count) { parts_->buffer.commit(count); }

RequestReader::Step RequestReader::step() {
  Parts& p = *parts_;
  while (!p.parser->is_done()) {
    if (p.buffer.size() == 0) return Step::need_more;
    beast::error_code error;
    const std::size_t used = p.parser->put(p.buffer.data(), error);
    p.buffer.consume(used);
    if (error && error != beast_http::error::need_more) return p.refuse(error);
    if (p.parser->is_header_done() && !std::exchange(p.header_checked, true)) {
      if (auto wrong = p.check_header()) return p.refuse(wrong->problem, std::move(wrong->detail));
    }
    if (error && used == 0) {
      if (p.buffer.size() < p.buffer.max_size()) return Step::need_more;
      return p.refuse(problems::kBadRequest, "a chunk's header is too long");
    }
  }
  return Step::complete;
}

const RequestReader::Refusal& RequestReader::refusal() const { return parts_->refused; }
bool RequestReader::has_started() const { return parts_->parser->got_some() || parts_->buffer.size() > 0; }
bool RequestReader::has_header() const { return parts_->parser->is_header_done(); }
bool RequestReader::expects_continue() const { return parts_->expects_continue; }

std::size_t RequestReader::body_size() const { return parts_->parser->get().body().size(); }
void RequestReader::drop_body() { std::string().swap(parts_->parser->get().body()); }

void RequestReader::fill(Request& request) const {
  const auto& message = parts_->parser->get();
  request.method = method_of(message.method());
  request.body = message.body();
  if (request.method != Method::post) return;
  request.content_type = view(message[beast_http::field::content_type]);
  request.prefer = view(message["Prefer"]);
}

std::string_view RequestReader::target() const { return view(parts_->parser->get().target()); }
bool RequestReader::keep_alive() const { return parts_->parser->keep_alive(); }
bool RequestReader::is_http_1_0() const { return parts_->parser->get().version() == 10; }

}  // namespace zebu::http
