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
  sender.heard = now_ = now;
  auto open = sender.open.find(part.number);
  if (open == sender.open.end()) {
    if (part.offset > 0) return std::nullopt;  // its beginning was not taken
    if (sender.open.size() + sender.waiting >= Assembler::kMost) {
      return fail(ErrorCode::bad_message,
                  "parts of more than " + std::to_string(Assembler::kMost) + " messages at a time");
    }
    const auto age = admit(sender, part);
    if (!age) {
      wait(session, part.number, part.total, ++last_age_);
      return std::nullopt;
    }
    open_.emplace(*age, Open{session, part.number, part.total});
    open = sender.open.emplace(part.number, *age).first;
  }
  const Age age = open->second;
  if (!make_room(part.bytes.size(), age)) {
    hold(open_.find(age));
    return std::nullopt;
  }
  auto taken = sender.assembler.add(part);
  const auto entry = open_.find(age);
  if (sender.assembler.contains(part.number)) {
    entry->second.received += part.bytes.size();
    used_ += part.bytes.size();
  } else {
    close(entry);
    serve();
  }
  return taken;
}

// The age of a message that begins; nullopt: it has to wait.
std::optional<Intake::Age> Intake::admit(Sender& sender, const message::Part& part) {
  const auto granted = std::find_if(sender.granted.begin(), sender.granted.end(),
                                    [&](const Granted& each) { return each.total == part.total; });
  if (granted != sender.granted.end()) {
    const Age age = granted->age;
    sender.granted.erase(granted);
    return age;
  }
  return used_ + part.total <= room_ ? std::optional(++last_age_) : std::nullopt;
}

// False: the message of this age is the newest itself.
bool Intake::make_room(std::size_t bytes, Age age) {
  while (used_ + bytes > room_) {
    const auto newest = std::prev(open_.end());
    if (newest->first == age) return false;
    hold(newest);
  }
  return true;
}

void Intake::wait(SessionId session, std::uint64_t number, std::size_t total, Age age) {
  waiting_.push_back({session, number, total, age, now_});
  ++senders_[session].waiting;
  words_.push_back({session, number, false});
}

void Intake::hold(std::map<Age, Open>::iterator open) {
  const auto [age, message] = *open;
  close(open);
  wait(message.session, message.number, message.total, age);
}

// Forgets what has come of it.
void Intake::close(std::map<Age, Open>::iterator open) {
  const Open& message = open->second;
  Sender& sender = senders_[message.session];
  sender.assembler.drop(message.number);
  sender.open.erase(message.number);
  used_ -= message.received;
  open_.erase(open);
}

// In the order of waiting. What was let go lately counts as if it had come, or all would begin at once.
void Intake::serve() {
  std::size_t expected = 0;
  for (const auto& [session, sender] : senders_) {
    for (const Granted& granted : sender.granted) expected += granted.total;
  }
  while (!waiting_.empty()) {
    const Waiting next = waiting_.front();
    const bool fits = used_ + expected + next.total <= room_;
    if (!fits && now_ - next.since < patience_) return;
    waiting_.pop_front();
    Sender& sender = senders_[next.session];
    --sender.waiting;
    sender.granted.push_back({next.total, next.age, now_});
    expected += next.total;
    words_.push_back({next.session, next.number, true});
  }
}

void Intake::ended(SessionId session) {
  const auto found = senders_.find(session);
  if (found == senders_.end()) return;
  while (!found->second.open.empty()) close(open_.find(found->second.open.begin()->second));
  senders_.erase(found);
  std::erase_if(waiting_, [&](const Waiting& waiting) { return waiting.session == session; });
  std::erase_if(words_, [&](const Word& word) { return word.session == session; });
  serve();
}

void Intake::tick(TimePoint now) {
  now_ = now;
  if (waiting_.empty()) return;
  for (auto& [session, sender] : senders_) {
    std::erase_if(sender.granted, [&](const Granted& granted) { return now - granted.since > patience_; });
    while (now - sender.heard > patience_ && !sender.open.empty()) hold(open_.find(sender.open.begin()->second));
  }
  serve();
}

}  // namespace zebu::broker
