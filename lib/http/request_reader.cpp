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
    case beast_http::verb::put:
      return Method::put;
    case beast_http::verb::patch:
      return Method::patch;
    case beast_http::verb::delete_:
      return Method::delete_;
    case beast_http::verb::options:
      return Method::options;
    case beast_http::verb::trace:
      return Method::trace;
    case beast_http::verb::connect:
      return Method::connect;
    default:
      return Method::other;
  }
}

// What the server looks at of a request's fields. It is taken when the head is complete: the fields of a trailer come
// later, and count for nothing (RFC 9110, 6.5.1). Views point into the parser.
struct Fields {
  std::size_t hosts = 0;
  std::size_t authorizations = 0;
  std::size_t traceparents = 0;
  std::size_t request_ids = 0;
  std::string_view host, content_type, authorization, origin, fetch_site, last_event_id, expect, traceparent,
      request_id;
  std::string prefer, transfer_encoding;
  std::optional<std::string> idempotency_key;
  bool keep_alive = false;
  bool is_http_1_0 = false;
};

void join(std::string& list, std::string_view value) {
  if (!list.empty()) list += ", ";
  list += value;
}

template <class Message>
Fields fields_of(const Message& message) {
  using beast_http::field;
  Fields fields;
  fields.is_http_1_0 = message.version() == 10;
  for (const auto& line : message) {
    const std::string_view value = view(line.value());
    switch (line.name()) {
      case field::host:
        fields.host = value;
        ++fields.hosts;
        break;
      case field::content_type:
        fields.content_type = value;
        break;
      case field::authorization:
        fields.authorization = fields.authorizations++ == 0 ? value : std::string_view();
        break;
      case field::origin:
        fields.origin = value;
        break;
      case field::expect:
        fields.expect = value;
        break;
      case field::prefer:
        join(fields.prefer, value);
        break;
      case field::transfer_encoding:
        join(fields.transfer_encoding, value.empty() ? "," : value);
        break;
      // Newer versions of Beast know more names than older ones.
      default:
        if (is_same_name(view(line.name_string()), "Sec-Fetch-Site")) fields.fetch_site = value;
        if (is_same_name(view(line.name_string()), "Last-Event-ID")) fields.last_event_id = value;
        if (is_same_name(view(line.name_string()), "Traceparent"))
          fields.traceparent = fields.traceparents++ == 0 ? value : std::string_view();
        if (is_same_name(view(line.name_string()), "X-Request-Id"))
          fields.request_id = fields.request_ids++ == 0 ? value : std::string_view();
        if (is_same_name(view(line.name_string()), "Idempotency-Key")) {
          if (!fields.idempotency_key) fields.idempotency_key.emplace();
          join(*fields.idempotency_key, value);
        }
        break;
    }
  }
  return fields;
}

}  // namespace

struct RequestReader::Parts {
  using Parser = beast_http::request_parser<beast_http::string_body>;

  Parts(std::size_t header, std::size_t body) : max_header(header), max_body(body), buffer(header + kMaxAhead) {}

  std::size_t max_header;
  std::size_t max_body;
  beast::flat_buffer buffer;
  std::optional<Parser> parser;
  RequestHead head{max_header};
  Fields fields;
  Refusal refused{};
  bool expects_continue = false;

  Step refuse(const Problem& problem, std::string detail) {
    refused = {problem, std::move(detail)};
    return Step::refused;
  }
  Step refuse(const beast::error_code& error);
  // Step::complete: the head is.
  [[nodiscard]] Step read_head();
  [[nodiscard]] std::optional<Refusal> check_fields();
};

RequestReader::Step RequestReader::Parts::refuse(const beast::error_code& error) {
  if (error == beast_http::error::body_limit) {
    return refuse(problems::kTooLarge, "the limit is " + std::to_string(max_body) + " bytes");
  }
  return refuse(problems::kBadRequest, "not an HTTP request: " + error.message());
}

RequestReader::Step RequestReader::Parts::read_head() {
  const auto text = [&] { return std::string_view(static_cast<const char*>(buffer.data().data()), buffer.size()); };
  if (head.is_empty()) buffer.consume(RequestHead::empty_lines(text()));
  if (auto wrong = head.look({static_cast<char*>(buffer.data().data()), buffer.size()})) {
    return refuse(wrong->problem, std::move(wrong->detail));
  }
  if (head.size() == 0) return Step::need_more;
  beast::error_code error;
  parser->eager(false);
  buffer.consume(parser->put(boost::asio::buffer(buffer.data(), head.size()), error));
  if (error) return refuse(error);
  parser->eager(true);
  fields = fields_of(parser->get());
  if (auto wrong = check_fields()) return refuse(wrong->problem, std::move(wrong->detail));
  return Step::complete;
}

std::optional<Refusal> RequestReader::Parts::check_fields() {
  fields.keep_alive = parser->keep_alive();
  if (fields.hosts > 1 || (fields.hosts == 0 && !fields.is_http_1_0)) {
    return Refusal{problems::kBadRequest,
                   fields.hosts == 0 ? "HTTP/1.1 requires a Host header" : "more than one Host header"};
  }
  if (!fields.transfer_encoding.empty()) {
    if (auto wrong = check_transfer_encoding(fields.transfer_encoding, fields.is_http_1_0)) return wrong;
    if (!parser->chunked()) return Refusal{problems::kBadRequest, "Transfer-Encoding must be chunked"};
  }
  if (!fields.expect.empty() && !fields.is_http_1_0) {
    if (!is_same_name(fields.expect, "100-continue")) {
      return Refusal{problems::kExpectation, "only 100-continue is supported"};
    }
    expects_continue = true;
  }
  return std::nullopt;
}

RequestReader::RequestReader(std::size_t max_header, std::size_t max_body)
    : parts_(std::make_unique<Parts>(max_header, max_body)) {
  begin();
}

RequestReader::~RequestReader() = default;

void RequestReader::begin() {
  parts_->parser.emplace();
  parts_->parser->header_limit(static_cast<std::uint32_t>(parts_->max_header));
  parts_->parser->body_limit(parts_->max_body);
  parts_->fields = {};
  parts_->head = RequestHead(parts_->max_header);
  parts_->expects_continue = false;
  auto& buffer = parts_->buffer;
  if (buffer.size() == 0 && buffer.capacity() > 2 * kReadSize) buffer.shrink_to_fit();
}

std::span<char> RequestReader::room() {
  auto& buffer = parts_->buffer;
  const auto room = buffer.prepare(std::min(kReadSize, buffer.max_size() - buffer.size()));
  return {static_cast<char*>(room.data()), room.size()};
}

void RequestReader::commit(std::size_t count) { parts_->buffer.commit(count); }

RequestReader::Step RequestReader::step() {
  Parts& p = *parts_;
  if (!p.parser->is_header_done()) {
    if (const Step head = p.read_head(); head != Step::complete) return head;
  }
  while (!p.parser->is_done()) {
    if (p.buffer.size() == 0) return Step::need_more;
    beast::error_code error;
    const std::size_t used = p.parser->put(p.buffer.data(), error);
    p.buffer.consume(used);
    if (error && error != beast_http::error::need_more) return p.refuse(error);
    if (error && used == 0) {
      if (p.buffer.size() < p.buffer.max_size()) return Step::need_more;
      return p.refuse(problems::kBadRequest, "a chunk's header is too long");
    }
  }
  return Step::complete;
}

const Refusal& RequestReader::refusal() const { return parts_->refused; }
bool RequestReader::has_started() const { return parts_->parser->got_some() || parts_->buffer.size() > 0; }
bool RequestReader::has_header() const { return parts_->parser->is_header_done(); }
bool RequestReader::expects_continue() const { return parts_->expects_continue; }

std::size_t RequestReader::body_size() const { return parts_->parser->get().body().size(); }
void RequestReader::drop_body() { std::string().swap(parts_->parser->get().body()); }

std::size_t RequestReader::unparsed_size() const { return parts_->buffer.size(); }

void RequestReader::fill(Request& request) const {
  const auto& message = parts_->parser->get();
  const Fields& fields = parts_->fields;
  request.method = method_of(message.method());
  request.body = message.body();
  request.host = fields.host;
  request.content_type = fields.content_type;
  request.prefer = fields.prefer;
  if (fields.idempotency_key) request.idempotency_key = *fields.idempotency_key;
  request.authorization = fields.authorization;
  request.origin = fields.origin;
  request.fetch_site = fields.fetch_site;
  request.last_event_id = fields.last_event_id;
  request.traceparent = fields.traceparent;
}

std::string_view RequestReader::target() const { return view(parts_->parser->get().target()); }
std::string_view RequestReader::request_id() const { return parts_->fields.request_id; }
bool RequestReader::keep_alive() const { return parts_->fields.keep_alive; }
bool RequestReader::is_http_1_0() const { return parts_->fields.is_http_1_0; }

}  // namespace zebu::http
