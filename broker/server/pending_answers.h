#pragma once

#include "broker/engine/engine.h"

#include <functional>
#include <string>
#include <unordered_map>
#include <vector>

namespace zebu::broker {

// Pending answers to QUERY and COMMAND: given at once, after a read of the store, or when a commit is durable.
// Bounds what one session may have asked the store for. One thread.
class PendingAnswers {
 public:
  // The recipient of an answer.
  struct Asker {
    SessionId session;
    std::uint64_t number;
  };
  struct Answer {
    Asker to;
    std::string value;
    std::optional<BatchNumber> batch;  // the commit that it waits for
    bool more = false;                 // the answer itself follows
  };
  template <class T>
  using Then = std::function<void(const T&, Moment, Effects&)>;

  // The engine outlives it.
  explicit PendingAnswers(const Engine& engine) : engine_(engine) {}

  void answer(const Asker& asker, std::string value, std::optional<BatchNumber> batch = {});
  // The value may depend on records that are not durable yet: the answer leaves when all of them are.
  void answer_as_is(const Asker& asker, std::string value) { answer(asker, std::move(value), undurable()); }
  void refuse(const Asker& asker, const Error& why);

  // Asks the store for these jobs. It gives them page by page, since they may be large: calls `page` for each until all
  // have come or `page` returns false, and then `end`. False: refused, since the session has asked for too much
  // already.
  using Page = std::function<bool(const Found&, Moment, Effects&)>;
  bool find(const Asker& asker, Find what, Page page, std::function<void()> end, Effects& out);
  // Asks the store, and calls `then` with the result. Refuses likewise.
  void list(const Asker& asker, ListFilter filter, Then<Listed> then, Effects& out);
  // All jobs that match, page by page: calls `each` for every one, then `end` with the number of those for which `each`
  // returned true. Once a second the asker hears that number so far, as {done: number}. False: refused.
  using Each = std::function<bool(const StoredJob&, Moment, Effects&)>;
  using End = std::function<void(std::size_t)>;
  bool walk(const Asker& asker, ListFilter filter, const char* done, Each each, End end, Effects& out);
  // That.
  void tell(const Asker& asker, const char* done, std::size_t count, std::optional<TimePoint>& told, TimePoint now);
  // Calls `then` when `batch` is durable.
  void when_durable(BatchNumber batch, std::function<void(BatchNumber)> then);
  // The newest batch, unless it is durable. Answers wait for it because most of them are about several jobs.
  [[nodiscard]] std::optional<BatchNumber> undurable() const;

  // False: the read was not asked for here.
  [[nodiscard]] bool answered(const ReadAnswer& answer, Moment now, Effects& out);
  void committed(BatchNumber batch);
  // The answers since the last call, without those for sessions that have ended.
  [[nodiscard]] std::vector<Answer> take();

 private:
  struct Asked {
    SessionId session;
    std::size_t weight;  // how many jobs the store is asked for
    Then<ReadAnswer> then;
  };
  struct Walk;
  struct Commit {
    BatchNumber batch;
    std::function<void(BatchNumber)> then;
  };

  [[nodiscard]] bool may_ask(const Asker& asker, std::size_t weight);
  [[nodiscard]] std::uint64_t wait(SessionId session, std::size_t weight, Then<ReadAnswer> then);
  void find_page(const Asker& asker, Find what, Page page, std::function<void()> end, Effects& out);
  void list_page(const Asker& asker, ListFilter filter, Then<Listed> then, Effects& out);

  const Engine& engine_;
  std::unordered_map<std::uint64_t, Asked> asked_;
  std::unordered_map<SessionId, std::size_t> weights_;  // of those in asked_
  std::vector<Commit> commits_;
  std::vector<Answer> answers_;
  std::uint64_t last_asker_ = 0;
};

}  // namespace zebu::broker
