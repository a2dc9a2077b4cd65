#include "http/response_writer.h"

#include "http/connection.h"
#include "http/connection_limits.h"
#include "zebu/program/log.h"

namespace zebu::http {

using boost::asio::awaitable;

awaitable<bool> ResponseWriter::begin(Response head, std::string_view probe) {
  has_begun_ = true;
  return connection_.begin_pieces(std::move(head), probe, is_head_);
}

awaitable<bool> ResponseWriter::write(std::string piece) { return connection_.write_piece(std::move(piece), is_head_); }

bool ResponseWriter::keep(std::size_t bytes) { return connection_.kept_bytes_.resize_within(counted(bytes)); }

awaitable<bool> Connection::begin_pieces(Response head, std::string_view probe, bool is_head) {
  is_chunked_ = !reader_.is_http_1_0();
  // Without chunks the end of the connection is that of the body.
  open_ = may_go_on() && (is_chunked_ || is_head);
  append_head(out_, head, {!is_chunked_, open_, is_head, true, request_id()}, shared_.headers);
  record_.status = head.status;
  if (is_endless_ && record_.began) record_.made = Clock::now();
  if (is_head) co_return false;
  std::string piece;
  // An empty chunk would be the last one.
  if (!probe.empty()) append_piece(piece, probe);
  watch_.ask_with(std::move(piece));
  co_return co_await flush_piece();
}

void Connection::append_piece(std::string& to, std::string_view piece) const {
  if (is_chunked_) append_chunk_size(to, piece.size());
  to += piece;
  if (is_chunked_) to += kChunkEnd;
}

awaitable<bool> Connection::write_piece(std::string piece, bool is_head) {
  if (is_head || is_gone()) co_return false;
  if (piece.empty()) co_return true;
  record_.bytes += piece.size();
  if (piece.size() <= kMaxGathered) {
    append_piece(out_, piece);
  } else if (unsent_bytes_.resize(piece.size())) {
    if (is_chunked_) append_chunk_size(out_, piece.size());
    if (is_chunked_) piece += kChunkEnd;
    body_ = std::move(piece);
  } else {
    log_event(Event::reader_dropped, {},
              "closing a connection in the middle of its response: all connections hold too much");
    broken_ = true;
  }
  co_return co_await flush_piece();
}

awaitable<bool> Connection::flush_piece() {
  const bool flushed = co_await flush();
  if (flushed) enter(Phase::handler);
  // A stream may be idle for long.
  if (out_.capacity() > kFree) std::string().swap(out_);
  co_return flushed;
}

void Connection::end_pieces(bool is_head) {
  if (is_chunked_ && !is_head) out_ += kLastChunk;
  open_ = open_ && !finishing_;
}

}  // namespace zebu::http
