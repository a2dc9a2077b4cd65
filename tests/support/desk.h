#pragma once

#include "broker/server/commands.h"
#include "broker/server/queries.h"
#include "tests/support/engine_driver.h"

#include <nlohmann/json.hpp>

// People who ask and tell the broker, over an engine with invented time and a store in memory.
namespace zebu::test {

struct Desk {
  EngineDriver d;
  broker::ServerFacts facts;
  broker::PendingAnswers pending{d.engine()};
  broker::Queries queries{d.engine(), facts, pending};
  broker::Commands commands{d.engine(), pending};
  std::uint64_t number = 0;

  void ask(broker::SessionId session, const std::string& what, const message::Params& params = {}) {
    queries.answer(session, {++number, what, params}, d.now(), d.effects);
  }
  void tell(broker::SessionId session, const std::string& what, const message::Params& params = {}) {
    commands.answer(session, {++number, what, params}, d.now(), d.effects);
  }
  // One commit, and the reads behind it.
  void commit() {
    const auto records = std::exchange(d.effects.records, {});
    const auto reads = std::exchange(d.effects.reads, {});
    if (!records.empty()) {
      const broker::BatchNumber batch = d.engine().seal();
      d.engine().committed(batch, *d.store.commit(records), d.now(), d.effects);
      commands.committed(d.effects);
      pending.committed(batch);
      d.effects.not_retried.clear();
    }
    for (const broker::Read& read : reads) {
      const broker::ReadAnswer answer = *perform(d.store, read);
      if (!pending.answered(answer, d.now(), d.effects)) d.engine().answered(answer, d.now(), d.effects);
    }
  }
  // Commits until nothing is left, and takes the answers.
  std::vector<nlohmann::json> answers() {
    while (!d.effects.records.empty() || !d.effects.reads.empty()) commit();
    std::vector<nlohmann::json> values;
    for (const auto& answer : pending.take()) values.push_back(nlohmann::json::from_msgpack(answer.value));
    return values;
  }
  // The one answer that there is.
  nlohmann::json answer() {
    auto all = answers();
    return all.size() == 1 ? all[0] : nlohmann::json(all);
  }
  // A failed job.
  JobId failed(broker::SessionId client, broker::SessionId consumer, JobOptions options = {}) {
    const JobId id = d.submit(client, true, std::move(options));
    d.assigned_to(consumer);
    d.fail(consumer, id, 1);
    return id;
  }
};

}  // namespace zebu::test
