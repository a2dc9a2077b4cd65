#include "broker/server/pending_answers.h"

#include "broker/server/report.h"

#include <algorithm>

namespace zebu::broker {
namespace {

// Jobs that a session may have asked for without having been answered: all of them are in memory before they leave.
constexpr std::size_t kMaxAsked = 10'000;
// How often a session hears how far its long command has come.
constexpr std::chrono::seconds kTellEvery{1};

}  // namespace

void PendingAnswers::answer(const Asker& asker, std::string value, std::optional<BatchNumber> batch) {
  answers_.push_back({asker, std::move(value), batch, false});
}

void PendingAnswers::refuse(const Asker& asker, const Error& why) { answer(asker, refused_answer(why)); }

std::optional<BatchNumber> PendingAnswers::undurable() const {
  const BatchNumber newest = engine_.newest_batch();
  return newest > engine_.settled() ? std::optional(newest) : std::nullopt;
}

std::vector<PendingAnswers::Answer> PendingAnswers::take() {
  std::erase_if(answers_, [&](const Answer& answer) { return !engine_.sessions().contains(answer.to.session); });
  return std::exchange(answers_, {});
}

// ── the store ───────────────────────────────────────────────────────────────────────────────────────────────────────

bool PendingAnswers::may_ask(const Asker& asker, std::size_t weight) {
  const auto asked = weights_.find(asker.session);
  if (asked == weights_.end() || asked->second + weight <= kMaxAsked) return true;
  refuse(asker, {ErrorCode::too_many_queries,
                 std::to_string(asked->second) + " jobs are asked for and not answered yet: wait for the answers",
                 std::chrono::seconds(1)});
  return false;
}

std::uint64_t PendingAnswers::wait(SessionId session, std::size_t weight, Then<ReadAnswer> then) {
  weights_[session] += weight;
  asked_.emplace(++last_asker_, Asked{session, weight, std::move(then)});
  return last_asker_;
}

bool PendingAnswers::find(const Asker& asker, Find what, Page page, std::function<void()> end, Effects& out) {
  if (!may_ask(asker, what.ids.size())) return false;
  find_page(asker, std::move(what), std::move(page), std::move(end), out);
  return true;
}

void PendingAnswers::find_page(const Asker& asker, Find what, Page page, std::function<void()> end, Effects& out) {
  auto then = [this, asker, page = std::move(page), end = std::move(end)](const ReadAnswer& answer, Moment now,
                                                                          Effects& effects) {
    const auto& found = std::get<Found>(answer);
    const auto& ids = found.asked.ids;
    const bool goes_on = page(found, now, effects) && found.jobs.size() < ids.size();
    if (!goes_on) return end();
    std::vector<JobId> rest(ids.begin() + static_cast<std::ptrdiff_t>(found.jobs.size()), ids.end());
    find_page(asker, {std::move(rest), {}, found.asked.to_show}, page, end, effects);
  };
  what.asker = wait(asker.session, what.ids.size(), std::move(then));
  out.reads.emplace_back(std::move(what));
}

void PendingAnswers::list(const Asker& asker, ListFilter filter, Then<Listed> then, Effects& out) {
  if (may_ask(asker, filter.limit)) list_page(asker, std::move(filter), std::move(then), out);
}

void PendingAnswers::list_page(const Asker& asker, ListFilter filter, Then<Listed> then, Effects& out) {
  const auto number = wait(asker.session, filter.limit,
                           [then = std::move(then)](const ReadAnswer& answer, Moment now, Effects& effects) {
                             then(std::get<Listed>(answer), now, effects);
                           });
  out.reads.emplace_back(List{std::move(filter), number});
}

struct PendingAnswers::Walk {
  PendingAnswers& pending;
  Asker asker;
  const char* done;
  Each each;
  End end;
  std::size_t count = 0;
  std::optional<TimePoint> told = {};  // when the asker heard of it last

  void operator()(const Listed& listed, Moment now, Effects& out) const {
    Walk rest = *this;
    for (const StoredJob& job : listed.page.jobs) rest.count += each(job, now, out) ? 1 : 0;
    if (listed.page.next.empty()) return end(rest.count);
    pending.tell(asker, done, rest.count, rest.told, now.steady);
    ListFilter next = listed.asked.filter;
    next.after = listed.page.next;
    pending.list_page(asker, std::move(next), std::move(rest), out);
  }
};

void PendingAnswers::tell(const Asker& asker, const char* done, std::size_t count, std::optional<TimePoint>& told,
                          TimePoint now) {
  if (!told) told = now;
  if (now - *told < kTellEvery) return;
  told = now;
  answers_.push_back({asker, count_answer(done, count), {}, true});
}

bool PendingAnswers::walk(const Asker& asker, ListFilter filter, const char* done, Each each, End end, Effects& out) {
  if (!may_ask(asker, filter.limit)) return false;
  list_page(asker, std::move(filter), Walk{*this, asker, done, std::move(each), std::move(end)}, out);
  return true;
}

bool PendingAnswers::answered(const ReadAnswer& answer, Moment now, Effects& out) {
  const auto* found = std::get_if<Found>(&answer);
  const auto* listed = std::get_if<Listed>(&answer);
  const auto asker = found ? found->asked.asker : listed ? listed->asked.asker : std::nullopt;
  if (!asker) return false;
  const auto waiting = asked_.find(*asker);
  if (waiting == asked_.end()) return false;
  const Asked asked = std::move(waiting->second);
  asked_.erase(waiting);
  const auto weight = weights_.find(asked.session);
  if ((weight->second -= asked.weight) == 0) weights_.erase(weight);
  asked.then(answer, now, out);
  return true;
}

// ── commits ─────────────────────────────────────────────────────────────────────────────────────────────────────────

void PendingAnswers::when_durable(BatchNumber batch, std::function<void(BatchNumber)> then) {
  commits_.push_back({batch, std::move(then)});
}

void PendingAnswers::committed(BatchNumber batch) {
  const auto later = std::stable_partition(commits_.begin(), commits_.end(),
                                           [&](const Commit& commit) { return commit.batch <= batch; });
  std::vector<Commit> due(std::move_iterator(commits_.begin()), std::move_iterator(later));
  commits_.erase(commits_.begin(), later);
  for (const Commit& commit : due) commit.then(batch);  // which may wait for another one
}

}  // namespace zebu::broker
