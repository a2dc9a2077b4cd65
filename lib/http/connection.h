#pragma once

#include "http/budget.h"
#include "http/hang_up_watch.h"
#include "http/host_policy.h"
#include "http/request_reader.h"
#include "http/response.h"
#include "http/routes.h"
#include "http/server_options.h"
#include "zebu/job.h"

#include <boost/asio/ip/tcp.hpp>

#include <optional>
#include <string>

namespace zebu::http {

// One client's connection: receive → handle → respond, until either side ends it. It lives in its coroutine; the server
// holds a pointer to it, to sweep deadlines and to stop. Every operation has a deadline, but no timer: the server asks
// each connection four times a second whether its deadline has passed.
class Connection {
 public:
  // What all connections of a server share. It outlives them.
  struct Shared {
    const ServerOptions& options;
    const Routes& routes;
    const HostPolicy& hosts;
    const ServerHeaders& headers;
    Budget& budget;
  };

  // has_room: one past the limit of connections gets one response, and no other than 503 except from a vital route.
  Connection(boost::asio::ip::tcp::socket socket, const Shared& shared, bool has_room);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Serves the connection to its end. No operation is pending after that.
  [[nodiscard]] boost::asio::awaitable<void> serve();

  // Ends the pending operation if its deadline has passed.
  void sweep(TimePoint now);
  // Closes after the running request, or now if there is none.
  void finish();
  // Asks the running request for a response now, and closes after it, or now if there is none.
  void conclude();
  // Closes now, and cancels the running request.
  void abort();

 private:
  enum class Phase { idle, header, body, handler, writing, closing };

  boost::asio::awaitable<bool> receive();
  boost::asio::awaitable<bool> read_more();
  boost::asio::awaitable<void> answer();
  [[nodiscard]] Routes::Choice choose(Request& request) const;
  // nullopt: the handler has sent it.
  boost::asio::awaitable<std::optional<Response>> handle(Request& request, const Route& route);
  [[nodiscard]] bool may_go_on() const { return reader_.keep_alive() && has_room_ && !finishing_; }
  boost::asio::awaitable<bool> flush();
  // For ResponseWriter.
  friend class ResponseWriter;
  boost::asio::awaitable<bool> begin_pieces(Response head, std::string_view probe, bool is_head);
  boost::asio::awaitable<bool> write_piece(std::string piece, bool is_head);
  boost::asio::awaitable<bool> flush_piece();
  void append_piece(std::string& to, std::string_view piece) const;
  void end_pieces(bool is_head);
  boost::asio::awaitable<void> linger();
  void enter(Phase phase);
  // The id of the request: the client's, if it is short and printable.
  const std::string& request_id();
  [[nodiscard]] bool is_watched() const;
  void note_request();
  void respond(Response response, Framing framing);
  void refuse_request();
  // Whether the budget has room for what is received and not handled.
  [[nodiscard]] bool may_hold(std::size_t unparsed);
  [[nodiscard]] bool is_gone() const { return broken_ || watch_.hung_up(); }

  boost::asio::ip::tcp::socket socket_;
  const Shared& shared_;
  RequestReader reader_;
  std::string out_;               // responses that wait to be sent
  std::string body_;              // a large body, to be sent after out_
  std::size_t written_ = 0;       // since other connections had their turn
  Budget::Share received_bytes_;  // a large body that no handler has dropped, and what is read ahead
  Budget::Share unsent_bytes_;    // out_ and body_
  Budget::Share kept_bytes_;      // what a handler keeps for this client
  HangUpWatch watch_;
  Cancellation* cancellation_ = nullptr;  // of the request that is being handled
  Phase phase_ = Phase::idle;
  TimePoint deadline_ = TimePoint::max();
  // What is logged and counted of the request, and the id that its response has.
  struct Record {
    std::string id = {};
    Method method = Method::other;
    const Route* route = nullptr;
    std::optional<unsigned> status = {};  // unset: nobody was left to respond to
    std::size_t bytes = 0;                // of the body
    // If it is logged or counted.
    std::optional<TimePoint> began = {};
    std::optional<TimePoint> made = {};  // the response; of an endless one its beginning
  };
  Record record_;
  std::string peer_;  // for the log; empty: it is not logged
  bool has_room_;
  bool is_chunked_ = false;  // the response that comes in pieces
  bool is_endless_ = false;  // the running request ends with a stop
  bool timed_out_ = false;
  bool open_ = true;  // another request will be read
  bool finishing_ = false;
  bool broken_ = false;  // nothing can be read or written any more
};

}  // namespace zebu::http
