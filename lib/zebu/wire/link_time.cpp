#include "zebu/wire/link.h"

#include <algorithm>

// What a link does at a time: beats, silence, and HELLO again.
namespace zebu {
namespace {

// Between two HELLOs where the broker does not take this peer.
constexpr std::chrono::milliseconds kHelloAgainAfter{100};
constexpr std::chrono::milliseconds kLongestPause{60'000};

}  // namespace

void Link::schedule_tick() {
  auto pace = up_ ? beat() / 2 : std::min(options_.liveness / 4, std::chrono::milliseconds(500));
  if (hello_again_at_) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(*hello_again_at_ - Clock::now());
    pace = std::clamp(left, std::chrono::milliseconds(0), pace);
  }
  if (unheard_at_) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(*unheard_at_ - Clock::now());
    pace = std::clamp(left, std::chrono::milliseconds(0), pace);
  }
  timer_.expires_after(pace);
  timer_.async_wait([this, alive = generation_, mine = *generation_](const boost::system::error_code& error) {
    if (error || *alive != mine) return;
    tick();
  });
}

void Link::tick() {
  if (closed_) return;
  const TimePoint now = Clock::now();
  silence_.listened(timer_.expiry(), now, welcome_.liveness / 3);
  if (dealer_) drain();
  if (closed_) return;
  if (!up_) say_what_is_awaited(now);
  if (closed_) return;
  if (unheard_at_ && now >= *unheard_at_) return give_up_unheard();
  if (!dealer_) return reopen({ErrorCode::disconnected, "there was no socket", {}});
  if (hello_again_at_ && now >= *hello_again_at_) return reopen(*put_off_);
  if (silence_.is_longer(welcome_.liveness, now)) {
    if (!hello_again_at_) put_off_.reset();  // it does not even say that any more
    return reopen({ErrorCode::disconnected,
                   "no message from the broker at " + options_.endpoint + " for " +
                       std::to_string(welcome_.liveness.count()) + " ms",
                   {}});
  }
  if (up_ && options_.unheard_margin) ask_whether_heard(now);
  if (up_ && now - last_sent_ >= beat() / 2) send(encode(message::Beat{}));
  schedule_tick();
}

void Link::begin_waiting() {
  waiting_since_ = Clock::now();
  say_at_ = waiting_since_ + options_.say_after;
  look_.reset();
}

void Link::say_what_is_awaited(TimePoint now) {
  if (!handlers_.waiting || now < say_at_) return;
  std::optional<Finding> finding;
  if (put_off_ && put_off_->code != ErrorCode::disconnected) {
    finding = Finding{std::string(to_string(put_off_->code)), put_off_->message};
  } else if (!look_) {
    look_.emplace(options_.endpoint);
  } else {
    finding = look_->finding();
  }
  if (!finding) return;
  look_.reset();
  say_at_ = now + options_.say_again;
  handlers_.waiting(*finding, std::chrono::duration_cast<std::chrono::milliseconds>(now - waiting_since_));
}

// A beat that is answered: like one, it must not wait behind what a slow link or a full broker holds up.
void Link::ask_whether_heard(TimePoint now) {
  const auto number = hearing_.ask(now);
  if (!number) return;
  Frame echo = encode(message::Echo{*number});
  echo.turn = Frame::Turn::urgent;
  send(std::move(echo));
}

void Link::note_heard() {
  if (!options_.unheard_margin || !up_) return;
  unheard_at_ = hearing_.act_at(welcome_.liveness, beat(), *options_.unheard_margin);
}

void Link::give_up_unheard() {
  unheard_at_.reset();
  handlers_.unheard();
  if (closed_) return;
  if (hello_again_at_) return schedule_tick();  // the next HELLO is still to be made
  reopen({ErrorCode::disconnected,
          "the broker at " + options_.endpoint + " has not confirmed in time that it hears this peer",
          {}});
}

// Says HELLO again after this time.
void Link::put_off(Error why, std::chrono::milliseconds time) {
  const bool is_news = why.code != ErrorCode::disconnected && (!put_off_ || put_off_->message != why.message);
  put_off_ = std::move(why);
  hello_again_at_ = Clock::now() + std::clamp(time, kHelloAgainAfter, kLongestPause);
  schedule_tick();
  if (is_news && handlers_.put_off) handlers_.put_off(*put_off_);
}

}  // namespace zebu
