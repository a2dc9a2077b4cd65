#include "broker/server/outboxes.h"

namespace zebu::broker {

void Outboxes::gather(const Effects& effects) {
  for (const auto& entry : effects.assigned) of(entry.batch).add(entry);
  for (const auto& entry : effects.accepted) {
    if (entry.at_once || entry.batch) {
      of(entry.batch).add_accepted(entry.session, entry.id);
    } else {
      deferred_.defer(entry.session, entry.id);
    }
  }
  for (const auto& entry : effects.refused) of(entry.batch).add(entry);
  for (const auto& entry : effects.attached) of(entry.batch).add(entry);
  for (const auto& entry : effects.unknown) of(entry.batch).add_unknown(entry);
  for (const auto& entry : effects.ending) of(entry.batch).add(entry);
  for (const auto& entry : effects.progressed) of(entry.batch).add(entry);
  for (const auto& entry : effects.done) {
    if (entry.batch) {
      deferred_.replace_with(entry.session, entry.what.id, *entry.batch);
    } else {
      deferred_.replace(entry.session, entry.what.id);
    }
    of(entry.batch).add(entry);
  }
  for (const auto& entry : effects.stopped) of(entry.batch).add_stopped(entry);
  for (const auto& entry : effects.kept) now_.add(entry);
}

void Outboxes::put(SessionId session, Frame frame, std::optional<BatchNumber> batch) {
  Outbox& outbox = of(batch);
  if (!batch) deferred_.take(session, [&](const JobId& id) { outbox.add_accepted(session, id); });
  outbox.put(session, std::move(frame));
}

void Outboxes::seal(BatchNumber batch) {
  sealed_batch_ = batch;
  std::swap(sealed_, open_);
}

void Outboxes::committed() {
  std::swap(durable_, sealed_);
  deferred_.settle(sealed_batch_);
}

void Outboxes::add_deferred(Outbox& outbox) {
  if (deferred_.empty()) return;
  const auto& addressees = outbox.addressees();
  for (std::size_t i = 0; i < addressees.size(); ++i) {  // which may grow
    const SessionId session = addressees[i];
    deferred_.take(session, [&](const JobId& id) { outbox.add_accepted(session, id); });
  }
}

void Outboxes::release() {
  deferred_.take_all([this](SessionId session, const JobId& id) { now_.add_accepted(session, id); });
}

void Outboxes::forget(SessionId session) {
  deferred_.forget(session);
  for (Outbox* outbox : {&now_, &durable_, &sealed_, &open_}) outbox->forget(session);
}

}  // namespace zebu::broker
