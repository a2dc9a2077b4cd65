#include "broker/engine/peers/peers.h"

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
  instances_[hello.instance] = id;
  if (!next_beat_) next_beat_ = now + beat_;
  return session;
}

void Peers::remove(SessionId id) {
  const auto found = sessions_.find(id);
  if (found == sessions_.end()) return;
  const auto instance = instances_.find(found->second.instance);
  if (instance != instances_.end() && instance->second == id) instances_.erase(instance);
  sessions_.erase(found);
}

// ── silence ─────────────────────────────────────────────────────────────────────────────────────────────────────────

void Peers::heard(SessionId id, TimePoint now) {
  if (Session* session = find(id)) session->last_heard = now;
}

std::optional<Peers::Beat> Peers::beat(TimePoint now) {
  if (!next_beat_ || now < *next_beat_) return std::nullopt;
  Beat beat;
  for (const auto& [id, session] : sessions_) {
    if (now - session.last_heard > liveness_) {
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
  if (!expected_.empty() || has_orphans) hold_until_ = now + liveness_;
}

void Peers::came(const InstanceId& instance) {
  std::erase_if(expected_, [&](const KnownConsumer& known) { return known.instance == instance; });
}

bool Peers::is_wait_over(TimePoint now) const { return hold_until_ && (expected_.empty() || now >= *hold_until_); }

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
