// Beast 1.74 asserts that the last chunk's head comes in no piece of under 5 bytes, which no client has promised; what
// follows the assertion does not need it.
#define BOOST_DISABLE_ASSERTS
#include <utility>
// <utility> first: Boost 1.74's Asio uses std::exchange without including it.
#include "http/request_reader.h"

#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include <algorithm>
#include <strings.h>

namespace zebu::webfront {
namespace {

namespace beast = boost::beast;
namespace http = boost::beast::http;

constexpr std::size_t kReadSize = 16U << 10;
// Pipelined requests that came while one was answered.
constexpr std::size_t kMaxAhead = 64U << 10;

template <class View>
std::string_view view(const View& text) {
  return {text.data(), text.size()};
}

bool same_word(std::string_view a, std::string_view b) {
  return a.size() == b.size() && strncasecmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace

struct RequestReader::Parts {
  using Parser = http::request_parser<http::string_body>;

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
  if (error == http::error::header_limit) {
    return refuse(problems::kHeaderTooLarge, "at most " + std::to_string(max_header) + " bytes");
  }
  if (error == http::error::body_limit) {
    return refuse(problems::kTooLarge, "at most " + std::to_string(max_body) + " bytes");
  }
  if (error == http::error::bad_version) return refuse(problems::kVersion, "this server speaks HTTP/1.1 and 1.0");
  return refuse(problems::kBadRequest, "not an HTTP request: " + error.message());
}

std::optional<RequestReader::Refusal> RequestReader::Parts::check_header() {
  const auto& fields = parser->get();
  if (fields.version() > 11) return Refusal{problems::kVersion, "this server speaks HTTP/1.1 and 1.0"};
  const auto hosts = fields.count(http::field::host);
  if (hosts > 1 || (hosts == 0 && fields.version() == 11)) {
    return Refusal{problems::kBadRequest, hosts == 0 ? "HTTP/1.1 requires a Host header" : "more than one Host header"};
  }
  const auto expect = fields.find(http::field::expect);
  if (expect != fields.end() && fields.version() == 11) {
    if (!same_word(view(expect->value()), "100-continue")) {
      return Refusal{problems::kExpectation, "the only expectation known is 100-continue"};
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

boost::asio::mutable_buffer RequestReader::room() {
  auto& buffer = parts_->buffer;
  return buffer.prepare(std::min(kReadSize, buffer.max_size() - buffer.size()));
}

void RequestReader::commit(std::size_t count) { parts_->buffer.commit(count); }

RequestReader::Step RequestReader::step() {
  Parts& p = *parts_;
  while (!p.parser->is_done()) {
    if (p.buffer.size() == 0) return Step::need_more;
    beast::error_code error;
    const std::size_t used = p.parser->put(p.buffer.data(), error);
    p.buffer.consume(used);
    if (error && error != http::error::need_more) return p.refuse(error);
    if (p.parser->is_header_done() && !std::exchange(p.header_checked, true)) {
      if (auto wrong = p.check_header()) return p.refuse(wrong->problem, std::move(wrong->detail));
    }
    if (error && used == 0) {
      if (p.buffer.size() < p.buffer.max_size()) return Step::need_more;
      return p.refuse(problems::kBadRequest, "a chunk's head is too long");
    }
  }
  return Step::complete;
}

const RequestReader::Refusal& RequestReader::refusal() const { return parts_->refused; }
bool RequestReader::has_started() const { return parts_->parser->got_some() || parts_->buffer.size() > 0; }
bool RequestReader::has_header() const { return parts_->parser->is_header_done(); }
bool RequestReader::expects_continue() const { return parts_->expects_continue; }

void RequestReader::fill(Request& request) const {
  const auto& message = parts_->parser->get();
  switch (message.method()) {
    case http::verb::get:
      request.method = Method::get;
      break;
    case http::verb::head:
      request.method = Method::head;
      break;
    case http::verb::post:
      request.method = Method::post;
      break;
    case http::verb::options:
      request.method = Method::options;
      break;
    default:
      request.method = Method::other;
  }
  request.body = message.body();
  if (request.method != Method::post) return;
  request.content_type = view(message[http::field::content_type]);
  request.prefer = view(message["Prefer"]);
}

std::string_view RequestReader::target() const { return view(parts_->parser->get().target()); }
bool RequestReader::keep_alive() const { return parts_->parser->keep_alive(); }
bool RequestReader::is_http_1_0() const { return parts_->parser->get().version() == 10; }

}  // namespace zebu::webfront
