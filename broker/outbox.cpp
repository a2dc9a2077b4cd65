#include "outbox.h"

namespace zebu::broker {
namespace {

constexpr std::size_t kFixed = 64;  // what an entry takes beside its texts, at the most

std::size_t size_of(const TaskError& error) {
  std::size_t size = error.type.size() + error.message.size();
  for (const std::string& line : error.trace) size += line.size() + 5;
  return size;
}

}  // namespace

Outbox::Peer& Outbox::peer(SessionId session) {
  Peer& peer = peers_[session];
  if (!peer.is_dirty) {
    peer.is_dirty = true;
    dirty_.push_back(session);
  }
  return peer;
}

Outbox::Peer& Outbox::hold(SessionId session) {
  Peer& peer = peers_[session];
  if (!std::exchange(peer.is_held, true)) held_.push_back(session);
  return peer;
}

void Outbox::release() {
  for (const SessionId session : held_) {
    const auto found = peers_.find(session);
    if (found == peers_.end()) continue;
    found->second.is_held = false;
    if (!found->second.accepted.empty()) static_cast<void>(peer(session));
  }
  held_.clear();
}

template <class Entry>
void Outbox::add(Peer& peer, Batch& batch, const Entry& entry, std::size_t size) {
  if (batch.is_full(size, max_message_)) peer.frames.push_back(batch.finish());
  batch.add(entry);
}

void Outbox::gather(const Effects& effects) {
  for (const auto& [session, job] : effects.assigned) {
    Peer& to = peer(session);
    const JobSpec& spec = *job->spec;
    const message::Assignment assignment{spec.id, job->attempt, spec.task, spec.queue, spec.args, spec.options};
    add(to, to.assign, assignment, kFixed + spec.size());
  }
  for (const auto& [session, id, at_once] : effects.accepted) {
    Peer& to = at_once ? peer(session) : hold(session);
    add(to, to.accepted, id, kFixed);
  }
  for (const auto& [session, refusal] : effects.refused) {
    Peer& to = peer(session);
    const message::Refusal entry{refusal.id, refusal.why.code, refusal.why.message, refusal.why.retry_after};
    add(to, to.refused, entry, kFixed + refusal.why.message.size());
  }
  for (const auto& [session, id] : effects.unknown) {
    Peer& to = peer(session);
    add(to, to.unknown, id, kFixed);
  }
  for (const auto& [session, job] : effects.done) {
    Peer& to = peer(session);
    const Outcome& outcome = *job->outcome;
    add(to, to.done, message::report_of(job->spec->id, job->attempt, outcome),
        kFixed + outcome.result.size() + size_of(outcome.error));
  }
  for (const auto& [session, attempt] : effects.stopped) {
    Peer& to = peer(session);
    add(to, to.stop, attempt, kFixed);
  }
  for (const auto& [session, count, at_once] : effects.kept) (at_once ? peer(session) : peers_[session]).kept = count;
}

void Outbox::put(SessionId session, Frame frame) {
  Peer& to = peer(session);
  finish(to);  // in the order of the decisions
  to.frames.push_back(std::move(frame));
}

void Outbox::forget(SessionId session) { peers_.erase(session); }

void Outbox::finish(Peer& peer) {
  for (Batch* batch : {&peer.assign, &peer.stop, &peer.done, &peer.accepted, &peer.refused, &peer.unknown}) {
    if (!batch->empty()) peer.frames.push_back(batch->finish());
  }
  if (peer.kept) peer.frames.push_back(encode(message::Kept{*peer.kept}));
  peer.kept.reset();
}

}  // namespace zebu::broker
