#include "tests/simulation/peer.h"

namespace zebu::simulation {

void Peer::start() {
  instance_ = world_.next_instance();
  ++life_;
  lives_ = true;
  paused_until_ = {};
  unread_.clear();
  reconnect();
  tick();
}

void Peer::after(Time delay, std::function<void()> what) {
  world_.time.after(delay, [this, life = life_, what = std::move(what)] {
    if (!lives_ || life != life_) return;
    if (world_.time.now() < paused_until_) return after(paused_until_ - world_.time.now(), what);
    what();
  });
}

// When it goes on, the broker has a fresh liveness time: what it said meanwhile is not read yet.
void Peer::pause(Time until) {
  if (!lives_ || until <= paused_until_) return;
  world_.note("instance % stands still", {instance_});
  paused_until_ = until;
  world_.ledger.peer_stands_still(instance_, until);
  after(Time{0}, [this] { last_heard_ = world_.time.now(); });
}

void Peer::tick() {
  const Time silent = world_.time.now() - last_heard_;
  if (silent > world_.scenario.options.liveness) {
    reconnect();
  } else if (is_up_ && world_.time.now() - last_sent_ >= world_.scenario.options.beat() / 2) {
    send(message::Beat{});
  }
  if (is_up_) beat();
  after(world_.scenario.options.beat() / 2, [this] { tick(); });
}

// What was said over the last connection may still arrive, or not.
void Peer::reconnect() {
  if (!lives_) return;
  if (connection_ && world_.random.percent(50)) world_.cut(connection_);
  is_up_ = false;
  last_heard_ = world_.time.now();
  connection_ = world_.connect(*this, role_);
  world_.note("instance % says HELLO on connection %", {instance_, connection_->number});
  world_.to_broker(connection_, std::string(encode(hello()).bytes()));
}

void Peer::send(Frame frame) {
  courier_.put(std::move(frame), [this](Frame each) { hand_over(std::move(each)); });
}

void Peer::hand_over(Frame frame) {
  last_sent_ = world_.time.now();
  world_.to_broker(connection_, std::string(frame.bytes()));
}

void Peer::leave(Time until_next) {
  courier_.finish([this](Frame each) { hand_over(std::move(each)); });
  hand_over(encode(message::Bye{}));
  exit(until_next);
}

void Peer::arrive(const ConnectionPtr& connection, const std::string& frame) {
  if (!lives_) return;
  if (unread_.empty() && world_.time.now() >= paused_until_) return take(connection, frame);
  unread_.emplace_back(connection, frame);
  if (unread_.size() > 1) return;
  after(Time{0}, [this] {
    for (const auto& [from, each] : std::exchange(unread_, {})) {
      if (lives_) take(from, each);
    }
  });
}

void Peer::take(const ConnectionPtr& connection, const std::string& frame) {
  if (connection != connection_) return;
  last_heard_ = world_.time.now();
  courier_.received(frame.size());
  take_message(frame);
}

void Peer::take_message(Bytes bytes) {
  const Courier::Send send = [this](Frame each) { hand_over(std::move(each)); };
  const auto message = decoder_.decode(bytes);
  if (!message) throw Violation{"wire", "the broker sent something malformed: " + message.error().message};
  if (const auto* error = std::get_if<message::ErrorReport>(&*message)) {
    if (error->code == ErrorCode::no_session) return reconnect();
    throw Violation{"wire", "the broker reports an error: " + std::string(error->message)};
  }
  if (std::holds_alternative<message::Welcome>(*message)) {
    is_up_ = true;
    courier_ = Courier(world_.scenario.flow());
    assembler_ = {};
    return up();
  }
  if (!is_up_) throw Violation{"wire", "the broker speaks before WELCOME"};
  bool at_once = false;
  if (const auto* part = std::get_if<message::Part>(&*message)) {
    at_once = take_part(*part);
  } else if (const auto* ack = std::get_if<message::Ack>(&*message)) {
    if (!courier_.acknowledged(ack->bytes, world_.time.moment(), send))
      throw Violation{"wire", "ACK of too many bytes"};
  } else if (const auto* hold = std::get_if<message::Hold>(&*message)) {
    courier_.hold(hold->number);
  } else if (const auto* go = std::get_if<message::Go>(&*message)) {
    courier_.go(go->number, send);
  } else {
    handle(*message);
  }
  if (lives_ && is_up_) courier_.acknowledge(at_once, send);
}

bool Peer::take_part(const message::Part& part) {
  const auto whole = assembler_.add(part);
  if (!whole) throw Violation{"wire", "the broker's parts do not fit: " + whole.error().message};
  if (!*whole) return false;
  const auto message = decoder_.decode(**whole);
  if (!message) throw Violation{"wire", "the broker sent something malformed in parts: " + message.error().message};
  handle(*message);
  return true;
}

void Peer::exit(Time until_next) {
  die();
  lives_ = false;
  is_up_ = false;
  world_.time.after(until_next, [this, life = life_] {
    if (life == life_) start();
  });
}

void Peer::crash() {
  if (!lives_) return;
  world_.note("instance % crashes", {instance_});
  world_.cut(connection_);
  exit(Time(world_.random.between(1000, 1'000'000)));
}

}  // namespace zebu::simulation
