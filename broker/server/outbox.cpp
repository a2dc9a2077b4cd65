#include "broker/server/outbox.h"

namespace zebu::broker {
namespace {

constexpr std::size_t kFixed = 64;  // what an entry takes beside its texts, at the most

}  // namespace

Outbox::Peer& Outbox::peer(SessionId session) {
  Peer& peer = peers_[session];
  if (!peer.is_dirty) {
    peer.is_dirty = true;
    dirty_.push_back(session);
  }
  return peer;
}

template <class Entry>
void Outbox::add(Peer& peer, Batch& batch, const Entry& entry, std::size_t size) {
  if (batch.is_full(size, max_part_)) peer.frames.push_back(batch.finish());
  if (size > max_part_) batch.make_room(size);
  batch.add(entry);
}

void Outbox::add(const Effects::To<Effects::Assigned>& assigned) {
  Peer& to = peer(assigned.session);
  const JobSpec& spec = *assigned.what.job;
  const Uses& uses = assigned.what.uses;
  const AssignmentView entry{{spec.id, spec.task, spec.queue, spec.args, spec.options, spec.keywords()},
                             uses.attempt,
                             {uses.failures, uses.crashes, uses.losses}};
  const std::size_t size = kFixed + spec.size();
  add(to, to.assign, entry, size);
  if (size > max_part_) to.assign.is_about(spec.id);
}

void Outbox::add(const Effects::To<Effects::Done>& done) {
  Peer& to = peer(done.session);
  const Outcome& outcome = *done.what.outcome;
  add(to, to.done, message::report_of(done.what.id, done.what.attempt, outcome), wire_size(outcome));
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

void Outbox::add(const Effects::To<message::EndingJob>& ending) {
  Peer& to = peer(ending.session);
  add(to, to.ending, ending.what, kFixed);
}

void Outbox::add(const Effects::To<message::ProgressReport>& progressed) {
  Peer& to = peer(progressed.session);
  add(to, to.progress, progressed.what, wire_size(progressed.what));
}

void Outbox::add_accepted(SessionId session, const JobId& id) {
  Peer& to = peer(session);
  add(to, to.accepted, id, kFixed);
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
  to.kept_in_parts.insert(to.kept_in_parts.end(), kept.in_parts.begin(), kept.in_parts.end());
  to.is_kept_due = to.is_kept_due || kept.at_once;
}

void Outbox::put(SessionId session, Frame frame) {
  Peer& to = peer(session);
  to.is_kept_due = to.kept.has_value();
  finish(to);  // in the order of the decisions
  to.frames.push_back(std::move(frame));
}

void Outbox::forget(SessionId session) { peers_.erase(session); }

void Outbox::finish(Peer& peer) {
  // ATTACHED says for which job a DONE is, progress is of jobs that are not done.
  for (Batch* batch : {&peer.assign, &peer.stop, &peer.attached, &peer.progress, &peer.done, &peer.accepted,
                       &peer.refused, &peer.unknown, &peer.ending}) {
    if (!batch->empty()) peer.frames.push_back(batch->finish());
  }
  if (std::exchange(peer.is_kept_due, false)) {
    peer.frames.push_back(encode(message::Kept{*std::exchange(peer.kept, {}), std::exchange(peer.kept_in_parts, {})}));
  }
}

}  // namespace zebu::broker
