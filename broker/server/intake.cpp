#include "broker/server/intake.h"

#include <algorithm>

namespace zebu::broker {

Result<std::optional<std::string>> Intake::take(SessionId session, const message::Part& part, TimePoint now) {
  if (part.total > most_) {
    if (part.offset > 0) return std::nullopt;  // it was refused with its first part
    return fail(ErrorCode::too_large, "a message of " + std::to_string(part.total) +
                                          " bytes, and the broker takes at most " + std::to_string(most_) +
                                          ": make it smaller, or raise the broker's --max-message");
  }
  if (part.offset > 0 && !senders_.contains(session)) return std::nullopt;
  Sender& sender = senders_[session];
  now_ = now;
  if (!sender.open.contains(part.number)) {
    if (part.offset > 0) return std::nullopt;  // its beginning was not taken
    if (sender.open.size() + sender.granted.size() + sender.waiting.size() >= Assembler::kMost) {
      return fail(ErrorCode::bad_message,
                  "parts of more than " + std::to_string(Assembler::kMost) + " messages at a time");
    }
    if (!begin(session, sender, part)) return std::nullopt;
  }
  auto taken = sender.assembler.add(part);
  if (sender.assembler.contains(part.number)) {
    sender.open.at(part.number).received += part.bytes.size();
  } else {
    close(sender, part.number);
    sender.is_slack = false;
    set_ready(session, sender);
    serve();
  }
  return taken;
}

bool Intake::has_some_of(SessionId session) const {
  const auto found = senders_.find(session);
  return found != senders_.end() &&
         !(found->second.open.empty() && found->second.granted.empty() && found->second.waiting.empty());
}

// False: it has to wait.
bool Intake::begin(SessionId session, Sender& sender, const message::Part& part) {
  const auto same = [&](const Granted& each) { return each.total == part.total; };
  auto granted = std::find_if(sender.granted.begin(), sender.granted.end(), same);
  if (granted == sender.granted.end()) {
    const std::size_t words = words_.size();
    wait(session, sender, part.number, part.total);
    serve();
    granted = std::find_if(sender.granted.begin(), sender.granted.end(), same);
    if (granted == sender.granted.end()) return false;
    words_.resize(words);  // it need not begin anew
  }
  sender.granted.erase(granted);
  sender.open.emplace(part.number, Open{part.total, 0, now_});
  return true;
}

void Intake::wait(SessionId session, Sender& sender, std::uint64_t number, std::size_t total) {
  sender.waiting.push_back({number, total, ++last_age_});
  ++waiting_;
  words_.push_back({session, number, false});
  set_ready(session, sender);
}

// Forgets what has come of it.
void Intake::close(Sender& sender, std::uint64_t number) {
  const auto open = sender.open.find(number);
  give_back(sender, open->second.total);
  sender.assembler.drop(number);
  sender.open.erase(open);
}

void Intake::give_back(Sender& sender, std::size_t bytes) {
  sender.reserved -= bytes;
  reserved_ -= bytes;
}

void Intake::set_ready(SessionId session, Sender& sender) {
  std::optional<Turn> ready;
  if (!sender.waiting.empty()) {
    const Waiting& next = sender.waiting.front();
    if (sender.reserved == 0 || sender.reserved + next.total <= share_) ready = Turn(sender.is_slack, next.age);
  }
  if (ready == sender.ready) return;
  if (sender.ready) ready_.erase({*sender.ready, session});
  if (ready) ready_.emplace(*ready, session);
  sender.ready = ready;
}

void Intake::serve() {
  while (!ready_.empty()) {
    const SessionId session = ready_.begin()->second;
    Sender& sender = senders_.at(session);
    const Waiting next = sender.waiting.front();
    if (reserved_ + next.total > room_) return;
    sender.waiting.pop_front();
    --waiting_;
    sender.granted.push_back({next.total, now_});
    sender.reserved += next.total;
    reserved_ += next.total;
    words_.push_back({session, next.number, true});
    set_ready(session, sender);
  }
}

void Intake::ended(SessionId session) {
  const auto found = senders_.find(session);
  if (found == senders_.end()) return;
  Sender& sender = found->second;
  reserved_ -= sender.reserved;
  waiting_ -= sender.waiting.size();
  if (sender.ready) ready_.erase({*sender.ready, session});
  senders_.erase(found);
  std::erase_if(words_, [&](const Word& word) { return word.session == session; });
  serve();
}

void Intake::tick(TimePoint now) {
  now_ = now;
  if (waiting_ == 0 || now - checked_ < patience_ / 8) return;
  checked_ = now;
  for (auto& [session, sender] : senders_) check(session, sender);
  serve();
}

void Intake::check(SessionId session, Sender& sender) {
  std::vector<std::pair<std::uint64_t, std::size_t>> given_up;
  for (auto& [number, open] : sender.open) {
    if (now_ - open.checked <= patience_) continue;
    if (open.received - open.had < least_) given_up.emplace_back(number, open.total);
    open.checked = now_;
    open.had = open.received;
  }
  for (const auto& [number, total] : given_up) {
    sender.is_slack = true;
    close(sender, number);
    // Behind the others: its last part may wait for one of them, for its sender's sake.
    wait(session, sender, number, total);
  }
  std::erase_if(sender.granted, [&](const Granted& granted) {
    const bool is_late = now_ - granted.since > patience_;
    if (!is_late) return false;
    sender.is_slack = true;
    give_back(sender, granted.total);
    return true;
  });
  set_ready(session, sender);
}

}  // namespace zebu::broker
