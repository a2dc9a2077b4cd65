#include "tests/simulation/ledger.h"

#include <algorithm>

// What goes into the engine, and what comes out of it.
namespace zebu::simulation {

using broker::Engine;
using broker::Job;
using broker::Place;

// ── the broker's life ───────────────────────────────────────────────────────────────────────────────────────────────

void Ledger::broker_went() {
  still_since_.reset();
  consumers_.clear();
  doubled_.clear();
  paused_ = durably_paused_;
  for (JobFacts& job : jobs_) {
    job.decided = job.durable;
    job.seen.reset();
    job.session.reset();
    if (!job.options.transient) continue;
    job.may_run_again = true;
    for (Holding& holding : job.holdings) holding.is_excused = true;
  }
}

// An outcome that the last broker had heard and not written down is one that nobody has heard.
void Ledger::broker_came() {
  came_ = time_.now();
  room_.reset();
  is_low_ = false;
  for (JobFacts& job : jobs_) {
    const Book& book = job.durable;
    for (Holding& holding : job.holdings) {
      const bool is_resolved =
          book.is_present && (is_final(book.state) || book.state == JobState::scheduled ||
                              (book.state == JobState::queued && book.uses.attempt >= holding.attempt));
      holding.is_reported = is_resolved || book.uses.attempt > holding.attempt || job.is_forgotten;
    }
  }
}

void Ledger::broker_goes_on() {
  const Time pause = time_.now() - *std::exchange(still_since_, std::nullopt);
  // After a shorter one it reads what came meanwhile before it judges.
  if (pause > options_.beat() + options_.beat() / 2) still_ += pause;
  went_on_ = time_.now();
}

void Ledger::arrived(broker::SessionId session) {
  if (const auto peer = consumers_.find(session); peer != consumers_.end()) peer->second.heard_at = listening();
}

void Ledger::heard_hello(broker::SessionId session, const message::Hello& hello) {
  consumers_[session] = {number_of(hello.instance),
                         0,
                         listening(),
                         {hello.consumer.queues.begin(), hello.consumer.queues.end()},
                         {hello.consumer.tasks.begin(), hello.consumer.tasks.end()}};
}

void Ledger::heard_credit(broker::SessionId session, std::uint32_t credit, bool is_void) {
  const auto peer = consumers_.find(session);
  if (peer != consumers_.end()) peer->second.credit = is_void ? 0 : peer->second.credit + credit;
}

void Ledger::heard_outcome(broker::SessionId session, const AttemptId& attempt) {
  const auto peer = consumers_.find(session);
  if (peer == consumers_.end()) return;
  JobFacts& job = of(attempt.job);
  if (job.attempt == attempt.attempt) job.reported = attempt.attempt;  // an older one says nothing of the newest
  for (Holding& holding : job.holdings) {
    if (holding.consumer == peer->second.instance && holding.attempt == attempt.attempt) holding.is_reported = true;
  }
}

// Those that run end too if they come back before the purge is over.
void Ledger::heard_purge(const std::string& queue) {
  for (JobFacts& job : jobs_) {
    if (job.queue == queue && job.decided.is_present) job.is_to_end = true;
  }
}

void Ledger::told_engine(const std::vector<broker::Duplicate>& duplicates) {
  for (const broker::Duplicate& duplicate : duplicates) {
    if (of(duplicate.spec->id).is_to_end) heard_cancel(duplicate.of);
    const std::uint64_t sequence = duplicate.spec->sequence;
    if (std::erase_if(doubled_, [&](const auto& spec) { return spec->sequence == sequence; }) > 0) continue;
    JobFacts& job = of(duplicate.spec->id);
    job.decided = job.durable;
    job.seen.reset();
  }
}

// ── decided ─────────────────────────────────────────────────────────────────────────────────────────────────────────

namespace {

// Of so many ticks in which nothing is decided, the states are checked once: they take most of a run's time.
constexpr std::uint64_t kQuietCalls = 8;

// Of the job that a record is about, if it is about one.
const JobId* id_in(const broker::Record& record) {
  return std::visit(
      [](const auto& r) -> const JobId* {
        if constexpr (requires { r.spec; }) {
          return &r.spec->id;
        } else if constexpr (requires { r.id; }) {
          return &r.id;
        } else {
          return nullptr;
        }
      },
      record);
}

constexpr std::array<std::string_view, std::variant_size_v<broker::Record>> kRecorded = {
    "to write: job % is accepted",         "to write: job % leaves memory",
    "to write: job % has begun",           "to write: job % is put back",
    "to write: job % runs again later",    "to write: job % is due",
    "to write: job % is finished",         "to write: job % is forgotten",
    "to write: a queue's settings",        "to write: a consumer",
    "to write: a piece of a value",        "to write: no more pieces of a value",
    "to write: how far the clock is ahead"};
static_assert(!kRecorded.back().empty());

}  // namespace

void Ledger::note_decided(const Engine& engine, const broker::Record& record) {
  const JobId* id = id_in(record);
  trace_.note(time_.now(), kRecorded[record.index()], {id == nullptr ? 0 : number_of(*id)});
  if (const auto* accepted = std::get_if<broker::JobAccepted>(&record)) {
    const JobFacts& job = of(accepted->spec->id);
    if (job.decided.is_present) {
      doubled_.push_back(accepted->spec);
      return;
    }
  } else if (const auto* finished = std::get_if<broker::JobFinished>(&record)) {
    const JobFacts& job = of(finished->spec->id);
    if (finished->outcome->state == JobState::cancelled && !job.is_to_end)
      fail("cancelled means asked", "job " + std::to_string(job.number) + " is cancelled, and nobody wanted that");
  } else if (const auto* queue = std::get_if<broker::QueueChanged>(&record)) {
    queue->settings.is_paused ? static_cast<void>(paused_.insert(queue->settings.name))
                              : static_cast<void>(paused_.erase(queue->settings.name));
  }
  apply(&JobFacts::decided, record);
  // From now on its state is what the records say.
  if (id != nullptr && !of(*id).options.transient && engine.jobs().find(*id) == nullptr) of(*id).seen.reset();
}

void Ledger::after_call(const Engine& engine, const broker::Effects& effects, Call call) {
  for (const broker::Record& record : effects.records) note_decided(engine, record);
  check_assigned(engine, effects);
  check_room(effects);
  for (const auto& stop : effects.stopped) {
    JobFacts& job = of(stop.what.job);
    trace_.note(time_.now(), "STOP to session %: job %, attempt %", {stop.session, job.number, stop.what.attempt});
    if (!job.options.hard_limit) continue;
    for (Holding& holding : job.holdings) {
      if (holding.attempt == stop.what.attempt) holding.is_excused = true;
    }
    // Or it has not been read by its consumer, which stands still.
    const auto peer = consumers_.find(stop.session);
    if (peer == consumers_.end()) continue;
    const auto still = still_until_.find(peer->second.instance);
    if (still != still_until_.end() && time_.now() < still->second) {
      job.given_up.emplace(peer->second.instance, stop.what.attempt);
    }
  }
  for (const broker::SessionId session : effects.ended) {
    const auto peer = consumers_.find(session);
    if (peer == consumers_.end()) continue;
    trace_.note(time_.now(), "session % of consumer % has ended", {session, peer->second.instance});
    check_lost(engine, session, peer->second, call);
    // What a newer session of the same consumer named is still its.
    if (call != Call::hello) excuse(peer->second.instance, session);
    consumers_.erase(peer);
  }
  // Most calls decide nothing: of those, some are looked at.
  const bool is_quiet = effects.records.empty() && effects.assigned.empty() && effects.stopped.empty() &&
                        effects.ended.empty() && effects.done.empty() && effects.accepted.empty();
  if (is_quiet && call == Call::tick && ++quiet_calls_ % kQuietCalls != 0) return;
  check_states(engine, call);
}

// A full store takes no new durable job, and all else.
void Ledger::check_room(const broker::Effects& effects) const {
  for (const broker::Record& record : effects.records) {
    const auto* accepted = std::get_if<broker::JobAccepted>(&record);
    if (accepted == nullptr || room_ != 0U || of(accepted->spec->id).is_retry) continue;
    fail("full store refuses", "job " + std::to_string(number_of(accepted->spec->id)) + " is taken into a full store");
  }
  for (const auto& refused : effects.refused) {
    if (refused.what.why.code != ErrorCode::store_full) continue;
    const JobFacts& job = of(refused.what.id);
    const std::string name = "job " + std::to_string(job.number);
    if (job.options.transient) fail("full store takes transient", name + " is transient, and refused");
    if (!room_) fail("room is taken", name + " is refused, and the store has room");
  }
}

// A consumer that could have been heard within its liveness is not lost, and of several jobs none is charged with a
// loss but the only suspect.
void Ledger::check_lost(const Engine& engine, broker::SessionId session, const Peer& peer, Call call) const {
  if (call == Call::hello || call == Call::bye) return;
  const std::string name = "consumer " + std::to_string(peer.instance);
  if (call != Call::tick) fail("evidence", name + " is lost for another reason than its silence");
  if (listening() - peer.heard_at <= options_.liveness) fail("evidence", name + " is lost, and was heard");
  std::vector<const JobFacts*> held;
  std::size_t suspects = 0;
  for (const JobFacts& job : jobs_) {
    if (job.session != session || !job.seen || *job.seen != JobState::running) continue;
    held.push_back(&job);
    if (job.is_suspect) ++suspects;
  }
  for (const JobFacts* job : held) {
    const Job* here = engine.jobs().find(job->id);
    if (here == nullptr || is_final(here->state) || here->uses.losses <= job->losses) continue;
    const bool is_alone = held.size() == 1 || (suspects == 1 && job->is_suspect);
    if (!is_alone) fail("blame", "job " + std::to_string(job->number) + " is charged, and others were lost with it");
  }
}

void Ledger::check_suspects(const Engine& engine, broker::SessionId session) const {
  const auto& sessions = engine.sessions();
  const auto found = sessions.find(session);
  if (found == sessions.end() || !found->second.consumer) return;
  std::size_t suspects = 0;
  for (const Job& job : found->second.consumer->running) suspects += job.is_suspect() ? 1 : 0;
  if (suspects > 1) fail("suspects apart", "session " + std::to_string(session) + " gets a second suspect");
}

void Ledger::check_assigned(const Engine& engine, const broker::Effects& effects) {
  for (const auto& assigned : effects.assigned) {
    JobFacts& job = of(assigned.what.job->id);
    const auto& spec = *assigned.what.job;
    trace_.note(time_.now(), "ASSIGN to session %: job %, attempt %, with batch %",
                {assigned.session, job.number, assigned.what.uses.attempt, assigned.batch.value_or(0)});
    const std::string name = "job " + std::to_string(job.number);
    const auto peer = consumers_.find(assigned.session);
    if (peer == consumers_.end())
      fail("credit", name + " goes to session " + std::to_string(assigned.session) + ", which is none");
    if (--peer->second.credit < 0) {
      fail("credit", name + " goes to consumer " + std::to_string(peer->second.instance) + ", which has no credit");
    }
    if (!peer->second.serves(job.queue, job.task)) {
      fail("knows its task", name + " goes to consumer " + std::to_string(peer->second.instance) +
                                 ", which does not serve its queue or does not know its task");
    }
    if (is_low_ && !job.options.transient) fail("low store starts none", name + " is assigned, and its store is low");
    if (is_paused(job.queue)) fail("paused", name + " is assigned, and its queue is paused");
    if (spec.expires && expiry_of(spec) <= time_.moment().wall) fail("expired", name + " is assigned after it expired");
    if (job.options.acks_early && !job.options.transient && !assigned.batch) {
      fail("at most once", name + " acks early and is assigned before that is on the disk");
    }
    check_order(engine, job, assigned.session, peer->second);
    const Job* given = engine.jobs().find(job.id);
    if (given != nullptr && given->is_suspect()) check_suspects(engine, assigned.session);
  }
}

// What has failed is left to a consumer that does well, if there is one.
bool Ledger::is_left_to_better(const Engine& engine, const Job& job, broker::SessionId session) const {
  const auto does_well = [](const broker::Session& each) { return each.consumer && each.consumer->is_well; };
  if (!job.failed_on() || does_well(engine.sessions().at(session))) return false;
  return std::any_of(consumers_.begin(), consumers_.end(), [&](const auto& each) {
    const auto& [id, peer] = each;
    return peer.serves(job.spec->queue, job.spec->task) && does_well(engine.sessions().at(id));
  });
}

// By priority, then by age. In a line, what is in the store only counts as well; of other lines that the consumer
// serves, a first job in memory that may run.
void Ledger::check_order(const Engine& engine, const JobFacts& job, broker::SessionId session, const Peer& consumer) {
  const auto key_of = [](const JobFacts& j) { return std::pair(kMaxPriority - j.options.priority, j.sequence); };
  const auto key = key_of(job);
  const Job* given = engine.jobs().find(job.id);
  const bool is_suspect = given != nullptr && given->is_suspect();  // it has a line of its own
  for (const JobFacts& other : jobs_) {
    if (other.number == job.number || other.queue != job.queue || other.sequence == 0 || key_of(other) > key) continue;
    const Job* here = engine.jobs().find(other.id);
    if (here != nullptr && here->spec->sequence != other.sequence) continue;
    if (here != nullptr && here->is_suspect()) continue;  // it may have to wait for another one
    if (other.task != job.task || is_suspect) {
      const bool may_run = here != nullptr && here->line != nullptr && here->line->next() == here;
      // A transient job does not wait until the store knows the consumer.
      const bool must_wait = job.options.transient && !other.options.transient;
      if (!may_run || must_wait || !consumer.serves(other.queue, other.task)) continue;
      if (is_left_to_better(engine, *here, session)) continue;
    }
    const bool is_settled = other.options.transient || other.durable.is_present;
    const bool is_queued = here != nullptr ? here->state == JobState::queued && here->place != Place::fresh
                                           : other.decided.is_present && other.decided.state == JobState::queued;
    // A transient job waits for no read of the store.
    if (here == nullptr && job.options.transient) continue;
    if (is_settled && is_queued) {
      fail("order", "job " + std::to_string(job.number) + " is assigned before job " + std::to_string(other.number));
    }
  }
}

// ── the engine's memory ─────────────────────────────────────────────────────────────────────────────────────────────

void Ledger::check_states(const Engine& engine, Call call) {
  for (const Job& job : engine.jobs().in_memory()) see(engine, job, call);
}

void Ledger::see(const Engine& engine, const Job& job, Call call) {
  JobFacts& facts = of(job.spec->id);
  // Sent again while the first one is in the store: the next commit will say so.
  if (facts.decided.is_present && facts.decided.spec->sequence != job.spec->sequence) return;
  if (std::find(doubled_.begin(), doubled_.end(), job.spec) != doubled_.end()) return;
  // One that was finished, forgotten, and submitted once more has a new life.
  if (job.is_transient() && facts.sequence != 0 && facts.sequence != job.spec->sequence) facts.may_run_again = true;
  if (job.place != Place::fresh || facts.sequence == 0) facts.sequence = job.spec->sequence;
  const bool is_new = !facts.seen;
  const JobState before = is_new ? facts.decided.is_present ? facts.decided.state : job.state : *facts.seen;
  facts.seen = job.state;
  if (before != job.state) {
    bool may = may_move(before, job.state);
    // A tick may move a job along two edges.
    for (int i = 0; i < kJobStates && call == Call::tick && !may; ++i) {
      const auto between = static_cast<JobState>(i);
      may = may_move(before, between) && may_move(between, job.state);
    }
    const bool is_second_life = facts.was_forgotten || facts.may_run_again;
    if (!may && !is_second_life) {
      fail("edge", "job " + std::to_string(facts.number) + " went from " + std::string(to_string(before)) + " to " +
                       std::string(to_string(job.state)));
    }
  }
  if (is_new) check_transient_key(engine, facts);
  if (!is_final(job.state)) check_uses(job, facts);
  const bool is_same_run =
      job.state == JobState::running && facts.session == job.session && facts.attempt == job.uses.attempt;
  if (!is_same_run) facts.running_since = time_.now();
  if (job.state == JobState::running) facts.has_begun = true;
  facts.session = job.session;
  facts.attempt = job.uses.attempt;
  facts.losses = job.uses.losses;
  facts.is_suspect = job.is_suspect();
}

void Ledger::check_uses(const Job& job, const JobFacts& facts) const {
  const auto name = [&] { return "job " + std::to_string(facts.number); };
  const broker::Uses& uses = job.uses;
  if (uses.failures > facts.options.retry.max) fail("retries", name() + " has failed too often, and goes on");
  if (uses.crashes >= options_.max_crashes) fail("crashes", name() + " has crashed too often, and goes on");
  if (uses.losses >= options_.max_losses) fail("crashes", name() + " was lost too often, and goes on");
  // Each loss is in the log, and one that was taken back is not.
  const auto log = job.attempts();
  const auto lost = [](const auto& each) { return each.end == broker::AttemptEnd::lost; };
  const auto losses = log ? std::count_if(log->begin(), log->end(), lost) : 0;
  if (uses.attempt <= broker::kMaxAttempts && uses.losses != static_cast<std::uint32_t>(losses))
    fail("losses", name() + " has lost " + std::to_string(losses) + " consumers, and is charged with " +
                       std::to_string(uses.losses));
  if (facts.may_run_again && facts.options.transient) return;
  // One that ran past its limit was ended by the broker, which counts it as a failure.
  if (!facts.options.hard_limit && uses.failures > facts.failed) {
    fail("retries", name() + " has failed less often than the broker counts");
  }
  if (uses.crashes > facts.crashed) fail("crashes", name() + " has crashed less often than the broker counts");
}

void Ledger::check_transient_key(const Engine& engine, const JobFacts& facts) {
  if (!facts.options.transient || facts.options.unique.empty()) return;
  for (const Job& job : engine.jobs().in_memory()) {
    const JobOptions& its = job.spec->options;
    if (job.id == facts.id || !its.transient || is_final(job.state)) continue;
    if (its.unique != facts.options.unique || job.spec->queue != facts.queue) continue;
    if (its.unique_while == UniqueWhile::queued && of(job.id).has_begun) continue;
    if (of(job.id).sequence > facts.sequence) continue;  // it came later
    fail("unique", "transient jobs " + std::to_string(number_of(job.id)) + " and " + std::to_string(facts.number) +
                       " both have " + its.unique);
  }
}

bool Ledger::is_in_memory(const Engine& engine, const JobFacts& job) const {
  const Job* here = engine.jobs().find(job.id);
  return here != nullptr && here->spec->sequence == job.decided.spec->sequence;
}

}  // namespace zebu::simulation
