#include "broker/server/held_values.h"

#include "zebu/wire/codec.h"

#include <algorithm>
#include <utility>

namespace zebu::broker {
namespace {

constexpr std::chrono::milliseconds kAlone{50};
constexpr std::size_t kLeastPart = 16U << 10;
constexpr std::size_t kBytesAMicrosecond = 40;  // of a value, for the time that a commit takes
constexpr int kForget = 64;                     // commits after which a quick one counts less than half

std::size_t bytes_of(const message::Submission& job) { return job.args.size() + job.kwargs.size(); }

}  // namespace

// ── what comes ──────────────────────────────────────────────────────────────────────────────────────────────────────

HeldValues::Held* HeldValues::find(const JobId& job) {
  const auto found = held_.find({job, 0});
  return found == held_.end() ? nullptr : &found->second;
}

void HeldValues::add(const ValueName& name, Held held) {
  bytes_ += held.bytes();
  order_.push_back(name);
  held_[name] = std::move(held);
  if (held_.size() == 1) alone_since_.reset();
}

// A peer's later word about waiting, or about cancelling, takes the place of its earlier one: so steps are few.
void HeldValues::follow(Held& held, Step step) {
  const bool is_about_waiting = step.kind == Kind::wait || step.kind == Kind::leave;
  std::erase_if(held.steps, [&](const Step& each) {
    if (each.from != step.from) return false;
    return each.kind == step.kind || (is_about_waiting && (each.kind == Kind::wait || each.kind == Kind::leave));
  });
  held.steps.push_back(step);
}

bool HeldValues::hold(SessionId from, const message::Submission& job, bool wait, Effects& out) {
  if (Held* held = find(job.id)) {
    // It came again, over another connection or the same: one answer to a session is enough.
    const auto is_its = [&](const Step& each) { return each.kind == Kind::submit && each.from == from; };
    if (std::none_of(held->steps.begin(), held->steps.end(), is_its)) {
      held->steps.push_back({Kind::submit, from, wait});
    } else if (wait) {
      follow(*held, {Kind::wait, from});
    }
    return true;
  }
  if (bytes_of(job) <= large_ || !engine_.would_accept(job)) return false;
  if (!has_room(bytes_of(job) * (job.kwargs.empty() ? 1 : 2))) {
    Error why{
        ErrorCode::queue_full,
        "the broker is storing " + std::to_string(bytes_) + " bytes of large arguments and results: retry after 1 s",
        std::chrono::seconds(1)};
    engine_.refused(job.queue, why.code);
    out.refused.push_back({from, {job.id, std::move(why), std::string(job.queue), std::string(job.task)}});
    return true;
  }
  Held held;
  held.job = std::make_shared<JobSpec>();
  held.job->id = job.id;
  held.job->task = job.task;
  held.job->queue = job.queue;
  held.job->args = job.args;
  held.job->options = job.options;
  if (!job.kwargs.empty()) {
    held.job->kwargs = std::string(job.kwargs);
    held.made = std::make_shared<const std::string>(joined_arguments(*held.job));
  }
  held.steps.push_back({Kind::submit, from, wait});
  add({job.id, 0}, std::move(held));
  return true;
}

void HeldValues::submit(SessionId from, const message::Submit& submit, Moment now, Effects& out) {
  const auto is_too_large = [&](const message::Submission& job) { return bytes_of(job) > large_; };
  if (held_.empty() && std::none_of(submit.jobs.begin(), submit.jobs.end(), is_too_large)) {
    return engine_.submit(from, submit, now, out);
  }
  message::Submit rest{submit.wait, {}, submit.bad};
  for (const message::Submission& job : submit.jobs) {
    if (!hold(from, job, submit.wait, out)) rest.jobs.push_back(job);
  }
  engine_.submit(from, rest, now, out);
}

// The message without the jobs that are held back; `step` waits behind those.
template <class Message>
Message HeldValues::without_held(const Message& message, Step step) {
  Message rest{{}, message.bad};
  for (const JobId& id : message.ids) {
    if (Held* held = find(id)) {
      follow(*held, step);
    } else {
      rest.ids.push_back(id);
    }
  }
  return rest;
}

void HeldValues::wait(SessionId from, const message::Wait& wait, Effects& out) {
  if (held_.empty()) return engine_.wait(from, wait, out);
  engine_.wait(from, without_held(wait, {Kind::wait, from}), out);
}

void HeldValues::leave(SessionId from, const message::Leave& leave) {
  if (held_.empty()) return engine_.leave(from, leave);
  engine_.leave(from, without_held(leave, {Kind::leave, from}));
}

void HeldValues::cancel(SessionId from, const message::Cancel& cancel, Moment now, Effects& out) {
  if (held_.empty()) return engine_.cancel(from, cancel, now, out);
  engine_.cancel(from, without_held(cancel, {Kind::cancel, from}), now, out);
}

bool HeldValues::is_large(const message::Report& report) const {
  if (report.state == JobState::failed) return text_bytes(report.error) > large_;
  return report.state == JobState::succeeded && report.result.size() > large_;
}

bool HeldValues::hold(SessionId from, const message::Report& report, bool in_parts, Effects& out) {
  const AttemptId attempt{report.id, report.attempt};
  if (report.attempt == 0 || !engine_.is_durable_attempt(from, attempt)) return false;
  Held held;
  held.outcome = std::make_shared<Outcome>(message::outcome_of(report));
  if (report.state == JobState::failed) {
    const message::Report entry = message::report_of(report.id, report.attempt, *held.outcome);
    held.made = std::make_shared<const std::string>(encode_entry(entry));
  }
  if (!has_room(held.bytes())) return false;
  const ValueName name{report.id, report.attempt};
  if (const auto found = held_.find(name); found != held_.end()) {
    if (found->second.steps.front().from == from) return false;
    drop(found, out);  // its consumer is back with it, in a new session
  }
  Step step{Kind::outcome, from};
  if (!in_parts) step.place = engine_.hold_outcome(from, held.value().size());
  held.steps.push_back(step);
  add(name, std::move(held));
  engine_.has_outcome(report.id);
  return true;
}

// In order, because KEPT confirms outcomes by their number, but for those that came in parts.
void HeldValues::outcome(SessionId from, const message::OutcomeReport& report, Moment now, Effects& out,
                         bool in_parts) {
  const auto is_too_large = [&](const message::Report& each) { return is_large(each); };
  if (std::none_of(report.jobs.begin(), report.jobs.end(), is_too_large)) {
    return engine_.outcome(from, report, now, out, in_parts);
  }
  message::OutcomeReport rest;
  for (const message::Report& each : report.jobs) {
    if (!is_large(each)) {
      rest.jobs.push_back(each);
      continue;
    }
    engine_.outcome(from, std::exchange(rest, {}), now, out, in_parts);
    if (!hold(from, each, in_parts, out)) rest.jobs.push_back(each);
  }
  rest.credit = report.credit;
  rest.bad = report.bad;
  engine_.outcome(from, rest, now, out, in_parts);
}

// ── what leaves ─────────────────────────────────────────────────────────────────────────────────────────────────────

// The quickest of late: the mean would grow with the parts, and the parts with it.
void HeldValues::committed(Clock::duration took) {
  usual_ = usual_ ? std::min(took, *usual_ + *usual_ / kForget) : took;
}

std::size_t HeldValues::part(TimePoint now) const {
  if (!usual_ || now - *alone_since_ >= kAlone) return piece_;
  const auto us = std::chrono::duration_cast<std::chrono::microseconds>(*usual_).count();
  return std::min(piece_, std::max(kLeastPart, static_cast<std::size_t>(us) * kBytesAMicrosecond));
}

void HeldValues::advance(Moment now, Effects& out) {
  if (!out.records.empty() || !alone_since_) alone_since_ = now.steady;
  for (std::size_t left = part(now.steady); left > 0 && !order_.empty();) {
    const ValueName name = order_.front();
    const auto found = held_.find(name);
    if (found == held_.end()) {
      order_.pop_front();
      continue;
    }
    Held& held = found->second;
    const Bytes value = held.value();
    const std::size_t size = std::min(left, value.size() - held.given);
    if (const auto full = held.job ? engine_.take_room(size) : std::nullopt) {
      refuse(found, *full, now, out);
      continue;
    }
    out.records.emplace_back(ValuePiece{name, value.substr(held.given, size), held.owner()});
    held.given += size;
    left -= size;
    if (held.given < value.size()) return;
    order_.pop_front();
    bytes_ -= held.bytes();
    const Held complete = std::move(held_.extract(found).mapped());
    pass_on(name, complete, now, out);
    out.records.emplace_back(ValueClosed{name});
  }
}

void HeldValues::pass_on(const ValueName& name, const Held& held, Moment now, Effects& out) {
  bool is_first = true;
  for (const Step& step : held.steps) {
    if (step.kind == Kind::submit && !std::exchange(is_first, false)) {
      // The engine may have taken the spec, and not know of it any more: it is in the store only.
      Held again;
      again.job = std::make_shared<JobSpec>(*held.job);
      pass_on(name, again, step, now, out);
    } else {
      pass_on(name, held, step, now, out);
    }
  }
}

void HeldValues::pass_on(const ValueName& name, const Held& held, const Step& step, Moment now, Effects& out) {
  switch (step.kind) {
    case Kind::submit:
      return engine_.submit_held_back(step.from, held.job, step.wait, now, out);
    case Kind::outcome:
      return engine_.outcome_held_back(step.from, {name.job, name.attempt}, *held.outcome, step.place, now, out);
    case Kind::wait:
      return engine_.wait(step.from, {{name.job}, {}}, out);
    case Kind::leave:
      return engine_.leave(step.from, {{name.job}, {}});
    case Kind::cancel:
      return engine_.cancel(step.from, {{name.job}, {}}, now, out);
  }
}

void HeldValues::drop(All::iterator held, Effects& out) {
  if (held->second.given > 0) out.records.emplace_back(ValueClosed{held->first});
  bytes_ -= held->second.bytes();
  held_.erase(held);
}

// A job whose submission is refused after all. What others said about it is about a job that there is not.
void HeldValues::refuse(All::iterator held, const Error& why, Moment now, Effects& out) {
  const ValueName name = held->first;
  const std::vector<Step> steps = std::move(held->second.steps);
  const SharedSpec job = held->second.job;
  drop(held, out);
  for (const Step& step : steps) {
    if (step.kind == Kind::submit) {
      engine_.refused(job ? std::string_view(job->queue) : std::string_view(), why.code);
      out.refused.push_back({step.from, {name.job, why}});
    } else {
      pass_on(name, {}, step, now, out);
    }
  }
}

void HeldValues::ended(SessionId session, Moment now, Effects& out) {
  const auto brings_it = [](const Step& step) { return step.kind == Kind::submit || step.kind == Kind::outcome; };
  for (auto held = held_.begin(); held != held_.end();) {
    std::vector<Step>& steps = held->second.steps;
    std::erase_if(steps, [&](const Step& step) { return step.from == session; });
    const auto next = std::next(held);
    if (std::none_of(steps.begin(), steps.end(), brings_it)) {
      const ValueName name = held->first;
      const std::vector<Step> others = std::move(steps);
      drop(held, out);
      for (const Step& step : others) pass_on(name, {}, step, now, out);  // who asked about the job hears of none
    }
    held = next;
  }
}

}  // namespace zebu::broker
