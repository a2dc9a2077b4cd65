#include "broker/server/outbox.h"

#include <algorithm>
#include <iterator>

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

void Outbox::release() {
  for (const SessionId session : std::exchange(held_, {})) {
    const auto found = peers_.find(session);
    if (found != peers_.end() && !found->second.held.empty()) static_cast<void>(peer(session));
  }
}

template <class Entry>
void Outbox::add(Peer& peer, Batch& batch, const Entry& entry, std::size_t size) {
  if (batch.is_full(size, max_message_)) peer.frames.push_back(batch.finish());
  batch.add(entry);
}

void Outbox::add(const Effects::To<Effects::Assigned>& assigned) {
  Peer& to = peer(assigned.session);
  const JobSpec& spec = *assigned.what.job;
  const AssignmentView entry{{spec.id, spec.task, spec.queue, spec.args, spec.options}, assigned.what.attempt};
  add(to, to.assign, entry, kFixed + spec.size());
}

void Outbox::add(const Effects::To<Effects::Done>& done) {
  Peer& to = peer(done.session);
  const Outcome& outcome = *done.what.outcome;
  add(to, to.done, message::report_of(done.what.id, done.what.attempt, outcome),
      kFixed + outcome.result.size() + size_of(outcome.error));
}

void Outbox::add(const Effects::Accepted& accepted) {
  if (accepted.at_once) {
    Peer& to = peer(accepted.session);
    return add(to, to.accepted, accepted.id, kFixed);
  }
  Peer& to = peers_[accepted.session];
  if (to.held.empty()) {
    held_.push_back(accepted.session);
    ++holding_;
  }
  to.held.push_back(accepted.id);
}

// Of a job that has just begun, if it is there at all; the order of many does not matter.
Outbox::Held::const_iterator Outbox::find_held(const Held& held, const JobId& id) {
  constexpr std::ptrdiff_t kNear = 8;
  return std::find(held.end() - std::min(kNear, std::ssize(held)), held.end(), id);
}

bool Outbox::is_held(SessionId session, const JobId& id) const {
  if (holding_ == 0) return false;
  const auto found = peers_.find(session);
  return found != peers_.end() && find_held(found->second.held, id) != found->second.held.end();
}

void Outbox::drop_held(SessionId session, const JobId& id) {
  if (holding_ == 0) return;
  const auto found = peers_.find(session);
  if (found == peers_.end()) return;
  Held& held = found->second.held;
  const auto at = find_held(held, id);
  if (at == held.end()) return;
  held.erase(at);
  if (held.empty()) emptied();
}

void Outbox::emptied() {
  if (--holding_ == 0) held_.clear();
}

void Outbox::add(const Effects::To<Effects::Refusal>& refused) {
  Peer& to = peer(refused.session);
  const Error& why = refused.what.why;
  const message::Refusal entry{refused.what.id, why.code, why.message, why.retry_after};
  add(to, to.refused, entry, kFixed + why.message.size());
}

void Outbox::add(const Effects::To<message::Attachment>& attached) {
  Peer& to = peer(attached.session);
  add(to, to.attached, attached.what, kFixed);
}

void Outbox::add(const Effects::To<message::ProgressReport>& progressed) {
  Peer& to = peer(progressed.session);
  add(to, to.progress, progressed.what, kFixed + progressed.what.note.size() + progressed.what.output.size());
}

void Outbox::add_unknown(const Effects::To<JobId>& unknown) {
  Peer& to = peer(unknown.session);
  add(to, to.unknown, unknown.what, kFixed);
}

void Outbox::add_stopped(const Effects::To<AttemptId>& stopped) {
  Peer& to = peer(stopped.session);
  add(to, to.stop, stopped.what, kFixed);
}

void Outbox::add(const Effects::Kept& kept) {
  Peer& to = kept.at_once ? peer(kept.session) : peers_[kept.session];
  to.kept = kept.count;
  to.is_kept_due = to.is_kept_due || kept.at_once;
}

void Outbox::put(SessionId session, Frame frame) {
  Peer& to = peer(session);
  to.is_kept_due = to.kept.has_value();
  finish(to);  // in the order of the decisions
  to.frames.push_back(std::move(frame));
}

void Outbox::forget(SessionId session) {
  const auto found = peers_.find(session);
  if (found == peers_.end()) return;
  if (!found->second.held.empty()) emptied();
  peers_.erase(found);
}

void Outbox::finish(Peer& peer) {
  if (!peer.held.empty()) {
    for (const JobId& id : peer.held) add(peer, peer.accepted, id, kFixed);
    peer.held.clear();
    emptied();
  }
  // ATTACHED says for which job a DONE is, progress is of jobs that are not done.
  for (Batch* batch : {&peer.assign, &peer.stop, &peer.attached, &peer.progress, &peer.done, &peer.accepted,
                       &peer.refused, &peer.unknown}) {
    if (!batch->empty()) peer.frames.push_back(batch->finish());
  }
  if (std::exchange(peer.is_kept_due, false)) {
    peer.frames.push_back(encode(message::Kept{*std::exchange(peer.kept, {})}));
  }
}

void Outboxes::gather(const Effects& effects) {
  for (const auto& entry : effects.assigned) of(entry.batch).add(entry);
  for (const auto& entry : effects.accepted) of(entry.batch).add(entry);
  for (const auto& entry : effects.refused) of(entry.batch).add(entry);
  for (const auto& entry : effects.attached) of(entry.batch).add(entry);
  for (const auto& entry : effects.unknown) of(entry.batch).add_unknown(entry);
  for (const auto& entry : effects.progressed) of(entry.batch).add(entry);
  for (const auto& entry : effects.done) {
    const JobId& id = entry.what.id;
    if (entry.batch == 0) {
      now_.drop_held(entry.session, id);
    } else if (now_.is_held(entry.session, id)) {
      of(entry.batch).stands_for_held(entry.session, id);
    }
    of(entry.batch).add(entry);
  }
  for (const auto& entry : effects.stopped) of(entry.batch).add_stopped(entry);
  for (const auto& entry : effects.kept) now_.add(entry);
}

void Outboxes::seal(BatchNumber batch) {
  sealed_batch_ = batch;
  std::swap(sealed_, open_);
}

void Outboxes::forget(SessionId session) {
  for (Outbox* outbox : {&now_, &durable_, &sealed_, &open_}) outbox->forget(session);
}

}  // namespace zebu::broker
