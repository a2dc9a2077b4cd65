#include "zebu/wire/link.h"

#include <boost/asio/post.hpp>

#include <algorithm>

namespace zebu {
namespace {

// Of input that a round reads; then the loop's other handlers have their turn, beats among them.
constexpr int kMessagesARound = 256;
constexpr std::size_t kBytesARound = 512U << 10;
// What an answer may have beside the longest value.
constexpr std::uint64_t kAroundValue = 1U << 20;

}  // namespace

Link::Link(boost::asio::io_context& loop, SocketContext& context, LinkOptions options, Handlers handlers)
    : loop_(loop),
      context_(context),
      options_(std::move(options)),
      handlers_(std::move(handlers)),
      descriptor_(loop),
      timer_(loop) {}

Link::~Link() {
  ++*generation_;
  if (descriptor_.is_open()) descriptor_.release();
}

Result<void> Link::start() {
  auto dealer = Dealer::connect(context_, options_.endpoint, options_.limits);
  if (!dealer) return tl::make_unexpected(dealer.error());
  dealer_ = std::move(*dealer);
  begin_waiting();
  open();
  return {};
}

void Link::open() {
  ++*generation_;
  up_ = false;
  hello_again_at_.reset();
  descriptor_.assign(dealer_->descriptor());
  last_sent_ = Clock::now();
  silence_.begin(last_sent_);
  welcome_ = {};
  welcome_.liveness = options_.liveness;
  dealer_->send(handlers_.hello());
  watch();
  request_flush();
  schedule_tick();
}

void Link::reopen(const Error& why) {
  const bool was_up = std::exchange(up_, false);
  ++*generation_;
  if (dealer_) {
    descriptor_.release();
    dealer_->close(std::chrono::milliseconds(0));
    dealer_.reset();
  }
  if (was_up) begin_waiting();
  if (was_up) handlers_.down(why);
  if (closed_) return;
  // The endpoint is valid, so this fails only if the machine is out of descriptors. The next tick tries again.
  auto dealer = Dealer::connect(context_, options_.endpoint, options_.limits);
  if (!dealer) return schedule_tick();
  dealer_ = std::move(*dealer);
  open();
}

void Link::watch() {
  descriptor_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                         [this, alive = generation_, mine = *generation_](const boost::system::error_code& error) {
                           if (error || *alive != mine) return;
                           watch();
                           drain();
                         });
}

void Link::request_flush() {
  // Inside drain() the flag is enough: the round checks it before it ends.
  if (std::exchange(flush_requested_, true) || draining_) return;
  boost::asio::post(loop_, [this, alive = generation_, mine = *generation_] {
    if (*alive != mine) return;
    drain();
  });
}

// Receives and sends until ZeroMQ has nothing left to read. The descriptor is edge-triggered: without that check after
// every send and receive a wake-up would be lost.
void Link::drain() {
  if (closed_ || !dealer_ || draining_) return;
  draining_ = true;
  do {
    receive_some();
    acknowledge();
    flush_requested_ = has_sent_ = false;
    if (up_ && !closed_) handlers_.flush();
    // There was nothing left to read. Only a send can have received more input without a wake-up.
  } while (!closed_ && !reopen_requested_ && !has_more_ &&
           ((up_ && flush_requested_) || (has_sent_ && dealer_->has_input())));
  draining_ = flush_requested_ = false;
  if (closed_) {
    dealer_.reset();
  } else if (std::exchange(reopen_requested_, false)) {
    reopen({ErrorCode::disconnected, "the broker ended the session", {}});
  } else if (has_more_) {
    request_flush();  // continue after the loop's other handlers have had their turn
  }
}

void Link::receive_some() {
  int messages = 0;
  std::size_t bytes = 0;
  const auto is_enough = [&] { return messages >= kMessagesARound || bytes >= kBytesARound; };
  while (!is_enough() && !closed_ && !reopen_requested_ && dealer_->receive(received_)) {
    const std::size_t size = received_.frame().size();
    ++messages;
    bytes += size;
    received_bytes_ += size;
    silence_.begin(Clock::now());
    handle(received_.frame());
  }
  has_more_ = is_enough();
}

void Link::handle(Bytes frame) {
  const auto message = decoder_.decode(frame);
  if (!message) return;
  if (const auto* welcome = std::get_if<message::Welcome>(&*message)) return handle_welcome(*welcome);
  if (!handle_flow(*message)) handle(*message);
}

void Link::handle_welcome(const message::Welcome& welcome) {
  if (up_) return;
  welcome_ = welcome;
  flow_limits_ = FlowLimits::of(welcome_.liveness, beat());
  if (welcome_.max_part > 0) flow_limits_.part = flow_limits_.window = welcome_.max_part;
  welcome_.max_part = flow_limits_.part;
  flow_ = Flow(flow_limits_);
  assembler_ = {};
  received_bytes_ = acknowledged_ = 0;
  hearing_.begin(last_sent_);  // HELLO: nothing else has left yet
  up_ = true;
  note_heard();
  put_off_.reset();
  look_.reset();
  schedule_tick();
  handlers_.up(welcome_);
}

// What says how the bytes flow, and parts. False: another message.
bool Link::handle_flow(const message::Message& message) {
  const auto send = [this](Frame frame) { hand_over(std::move(frame)); };
  if (const auto* part = std::get_if<message::Part>(&message)) {
    if (up_) handle_part(*part);
  } else if (const auto* ack = std::get_if<message::Ack>(&message)) {
    if (up_) static_cast<void>(flow_.acknowledged(ack->bytes, Clock::now(), send));
  } else if (const auto* echo = std::get_if<message::Echo>(&message); echo && options_.unheard_margin) {
    if (up_) hearing_.answered(echo->number);
    note_heard();
  } else if (const auto* hold = std::get_if<message::Hold>(&message)) {
    if (up_) flow_.hold(hold->number);
  } else if (const auto* go = std::get_if<message::Go>(&message)) {
    if (up_) flow_.go(go->number, send);
  } else {
    return false;
  }
  return true;
}

void Link::handle_part(const message::Part& part) {
  if (part.total > 2 * welcome_.max_message + kAroundValue) return;  // the broker takes no value as long as that
  const auto whole = assembler_.add(part);
  if (!whole || !*whole) return;
  acknowledge_now_ = true;
  const auto message = decoder_.decode(**whole);
  if (message && !std::holds_alternative<message::Part>(*message)) handle(*message);
}

void Link::acknowledge() {
  const bool is_due = owed() >= flow_limits_.acknowledge_alone();
  if (!up_ || closed_ || !(std::exchange(acknowledge_now_, false) || is_due)) return;
  put_acknowledgement();
}

void Link::handle(const message::Message& message) {
  if (const auto* error = std::get_if<message::ErrorReport>(&message)) {
    handle_error(*error);
  } else if (const auto* bye = std::get_if<message::Bye>(&message)) {
    const Error why{ErrorCode::disconnected, "the broker at " + options_.endpoint + " stops", {}};
    const bool was_up = std::exchange(up_, false);
    put_off(why, bye->after.value_or(std::chrono::milliseconds(0)));
    if (was_up) begin_waiting();
    if (was_up) handlers_.down(why);
  } else if (!std::holds_alternative<message::Beat>(message) && up_) {
    handlers_.message(message);
  }
}

void Link::handle_error(const message::ErrorReport& report) {
  if (report.code == ErrorCode::moved) {
    // To follow comes with a later version; to stay would be in vain.
    std::string text(report.message);
    for (const std::string& endpoint : report.about.endpoints)
      text += (&endpoint == &report.about.endpoints.front() ? ": " : ", ") + endpoint;
    handlers_.refused({report.code, std::move(text), {}});
    return close(std::chrono::milliseconds(0));
  }
  const Error error{report.code, std::string(report.message), {}};
  // A broker of another version may not say what its error is about.
  const bool is_about_hello = report.about.type == static_cast<std::uint8_t>(message::Type::hello) ||
                              (!up_ && report.code == ErrorCode::version);
  if (report.code == ErrorCode::no_session) {
    reopen_requested_ = true;
  } else if (is_about_hello && report.about.retry_after && !up_) {
    put_off(error, *report.about.retry_after);
  } else if (is_about_hello && (!up_ || report.code == ErrorCode::replaced)) {
    handlers_.refused(error);
    close(std::chrono::milliseconds(0));
  } else if (up_) {
    handlers_.message(report);
  }
}

void Link::send(Frame frame) {
  if (!up_ || closed_) return;
  if (owed() >= flow_limits_.acknowledge_along()) put_acknowledgement();
  put(std::move(frame));
}

void Link::put_acknowledgement() {
  acknowledged_ = received_bytes_;
  put(encode(message::Ack{acknowledged_}));
}

void Link::put(Frame frame) {
  flow_.put(std::move(frame), [this](Frame each) { hand_over(std::move(each)); });
}

void Link::hand_over(Frame frame) {
  dealer_->send(std::move(frame));
  has_sent_ = true;
  last_sent_ = Clock::now();
  // Outside drain(), input that this send may have received would go unnoticed.
  if (!draining_) request_flush();
}

void Link::close(std::chrono::milliseconds linger) {
  if (closed_) return;
  if (dealer_) {
    if (up_) {
      flow_.finish([this](Frame frame) { dealer_->send(std::move(frame)); });
      dealer_->send(encode(message::Bye{}));
    }
    descriptor_.release();
    dealer_->close(up_ ? linger : std::chrono::milliseconds(0));  // do not wait for an unanswered HELLO
  }
  ++*generation_;
  closed_ = true;
  up_ = false;
  timer_.cancel();
  if (!draining_) dealer_.reset();
}

}  // namespace zebu
