#include "broker/engine/peers/peers.h"

#include <algorithm>

namespace zebu::broker {

Peers::~Peers() {
  for (auto& [id, session] : sessions_) {
    if (session.consumer) session.consumer->running.clear();
  }
}

Session* Peers::find(SessionId id) {
  const auto found = sessions_.find(id);
  return found == sessions_.end() ? nullptr : &found->second;
}

const Session* Peers::find(SessionId id) const {
  const auto found = sessions_.find(id);
  return found == sessions_.end() ? nullptr : &found->second;
}

std::optional<SessionId> Peers::session_of(const InstanceId& instance) const {
  const auto found = instances_.find(instance);
  return found == instances_.end() ? std::nullopt : std::optional(found->second);
}

Session& Peers::add(SessionId id, const message::Hello& hello, TimePoint now) {
  Session& session = sessions_[id];
  session.id = id;
  session.role = hello.role;
  session.name = hello.name;
  session.instance = hello.instance;
  session.last_heard = now;
  session.heard_at = listening_at(hello.role, now);
  instances_[hello.instance] = id;
  if (hello.role == message::Role::consumer) consumers_[hello.instance] = id;
  if (!next_beat_) next_beat_ = now + beat_;
  return session;
}

void Peers::remove(SessionId id) {
  const auto found = sessions_.find(id);
  if (found == sessions_.end()) return;
  const auto erase_newest = [&](auto& newest) {
    const auto instance = newest.find(found->second.instance);
    if (instance != newest.end() && instance->second == id) newest.erase(instance);
  };
  erase_newest(instances_);
  erase_newest(consumers_);
  sessions_.erase(found);
}

// ── silence ─────────────────────────────────────────────────────────────────────────────────────────────────────────

TimePoint::duration Peers::listening_at(message::Role role, TimePoint now) {
  Ear& its = ear(role);
  if (its.until == TimePoint{}) its.until = now;
  return its.total + (now - its.until);
}

bool Peers::listened(message::Role role, TimePoint now) {
  Ear& its = ear(role);
  const auto time = now - its.until;
  its.until = now;
  if (time <= beat_ + beat_ / 2) {
    its.total += time;
    return false;
  }
  for (auto& [id, session] : sessions_) {
    if (session.role == role) session.heard_at = its.total;
  }
  if (hold_until_ && role == message::Role::consumer) hold_until_ = its.total + liveness_;
  return true;
}

void Peers::heard(SessionId id, TimePoint now) {
  Session* session = find(id);
  if (session == nullptr) return;
  session->last_heard = now;
  session->heard_at = listening_at(session->role, now);
}

std::optional<Peers::Beat> Peers::beat(TimePoint now) {
  if (!next_beat_ || now < *next_beat_) return std::nullopt;
  Beat beat;
  for (const auto& [id, session] : sessions_) {
    if (ear(session.role).total - session.heard_at > liveness_) {
      beat.silent.push_back(id);
    } else if (session.is_welcomed) {
      beat.present.push_back(id);
    }
  }
  next_beat_.reset();
  if (beat.silent.size() < sessions_.size()) next_beat_ = now + beat_;
  return beat;
}

// ── after a restart ─────────────────────────────────────────────────────────────────────────────────────────────────

void Peers::expect(std::vector<KnownConsumer> consumers, bool has_orphans, TimePoint now) {
  expected_ = std::move(consumers);
  if (!expected_.empty() || has_orphans) hold_until_ = listening_at(message::Role::consumer, now) + liveness_;
}

void Peers::came(const InstanceId& instance) {
  std::erase_if(expected_, [&](const KnownConsumer& known) { return known.instance == instance; });
}

bool Peers::is_wait_over() const {
  return hold_until_ && (expected_.empty() || ear(message::Role::consumer).total >= *hold_until_);
}

std::optional<TimePoint> Peers::wait_ends() const {
  if (!hold_until_) return std::nullopt;
  const Ear& consumers = ear(message::Role::consumer);
  // With a look each beat, or the wait would be taken for a pause.
  return consumers.until + std::min<TimePoint::duration>(*hold_until_ - consumers.total, beat_);
}

std::vector<KnownConsumer> Peers::give_up() {
  hold_until_.reset();
  std::vector<KnownConsumer> missing = std::exchange(expected_, {});
  // A consumer that was here and left before it was known what it had is not to be believed later.
  for (const KnownConsumer& known : missing) lost_.erase(known.instance);
  return missing;
}

bool Peers::is_late(const message::Hello& hello) {
  for (const KnownConsumer& known : expected_) {
    if (known.instance == hello.instance) return known.is_late;
  }
  if (const auto lost = lost_.extract(hello.instance)) return lost.mapped();
  // Of attempts that it got from this broker, or from one before that this broker waited for, every one is known.
  return !hello.consumer.runs.empty();
}

void Peers::lost(const InstanceId& instance, bool is_late) {
  // As many as there may be peers; a consumer that is left out counts as late.
  if (lost_.size() < max_peers_) lost_.insert_or_assign(instance, is_late);
}

}  // namespace zebu::broker
