#pragma once

#include "tests/support/peer.h"

#include <map>
#include <optional>
#include <string>
#include <vector>

// The broker's side of a consumer, word by word: what a test wants it to say, when it wants it.
namespace zebu::test {

class BrokerStub {
 public:
  // liveness: what WELCOME says. It beats only while it listens.
  explicit BrokerStub(std::chrono::milliseconds liveness = std::chrono::seconds(60)) : liveness_(liveness) {
    start("tcp://127.0.0.1:*");
  }

  const std::string& endpoint() const { return endpoint_; }
  bool answers_drain = true;
  bool answers_echo = true;
  int hellos = 0;  // that it has heard
  // As kill -9 does: nobody is told.
  void stop() {
    router_.reset();
    context_.reset();
  }
  // At its old endpoint, and with another instance.
  void restart() {
    stop();
    start(endpoint_);
  }

  // Waits for the consumer's HELLO and answers WELCOME; returns what it says that it runs. Other messages before it are
  // those of a session that this broker does not know.
  std::vector<AttemptId> welcome() {
    while (true) {
      const auto heard = receive();
      if (const auto* hello = std::get_if<message::Hello>(&heard->message)) {
        message::Welcome welcome;
        welcome.instance = instance_;
        welcome.beat = liveness_ / 4;
        welcome.liveness = liveness_;
        welcome.max_message = message::kDefaultMaxMessage;
        welcome.max_part = 1U << 30;  // all is sent whole, and nothing need be acknowledged
        send(welcome);
        greeted_ = peer_;
        return hello->consumer.runs;
      }
      refuse();
    }
  }

  void send(const message::Message& message) {
    if (!router_->send(peer_, encode(message))) throw std::runtime_error("the consumer is gone");
  }
  // Gives the consumer a job, whatever its credit.
  AttemptId assign(std::string_view task, const std::string& args, JobOptions options = {}, std::uint32_t attempt = 1) {
    const AttemptId id{Uuid::make(), attempt};
    given_[id] = {std::string(task), args, std::move(options)};
    assign(id);
    return id;
  }

  // The next message of the consumer that is no BEAT; throws when none comes.
  std::unique_ptr<Heard> receive(std::chrono::milliseconds limit = std::chrono::seconds(10)) {
    const auto deadline = Clock::now() + scaled(limit);
    Received received;
    while (true) {
      while (router_->receive(received)) {
        auto heard = std::make_unique<Heard>();
        heard->bytes = received.frame();
        peer_ = received.peer();
        auto decoded = heard->decoder.decode(heard->bytes);
        if (!decoded) throw std::runtime_error("the consumer sent garbage: " + decoded.error().message);
        heard->message = std::move(*decoded);
        if (std::holds_alternative<message::Hello>(heard->message)) ++hellos;
        if (const auto* echo = std::get_if<message::Echo>(&heard->message)) {
          if (answers_echo && peer_ == greeted_) static_cast<void>(router_->send(peer_, encode(*echo)));
          continue;
        }
        if (!is_of_the_flow(heard->message)) return heard;
        if (std::holds_alternative<message::Beat>(heard->message)) answer_beat();
      }
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
      if (left.count() <= 0) throw std::runtime_error("no message from the consumer in time");
      static_cast<void>(wait_readable(*router_, *router_, -1, -1, left));
    }
  }

  // Listens until this attempt has ended. What it hears meanwhile of this and others is in `told`, `ended`, `returned`.
  // If the consumer gives it back, as it does while its slots' processes start, it gets it again.
  Outcome outcome(const AttemptId& id) {
    hear_until([&] {
      if (std::erase(returned, id) > 0) assign(id);
      return ended.count(id) > 0;
    });
    return ended.at(id);
  }
  template <class Condition>
  void hear_until(Condition&& condition) {
    while (!condition()) note(receive()->message);
  }

  std::map<AttemptId, Outcome> ended;
  std::map<AttemptId, std::vector<Progress>> told;  // before it ended
  std::vector<AttemptId> returned;
  std::uint64_t credit = 0;  // all that was given
  bool has_drained = false;
  bool has_left = false;

 private:
  struct Given {
    std::string task;
    std::string args;
    JobOptions options;
  };

  void assign(const AttemptId& id) {
    const Given& given = given_.at(id);
    send(message::Assign{{{id.job, id.attempt, given.task, "default", given.args, given.options}}});
  }
  void start(const std::string& endpoint) {
    context_.emplace();
    const auto bind = [&] {
      auto bound = Router::bind(*context_, endpoint, {});
      if (bound) router_.emplace(std::move(*bound));
      return bound.has_value();
    };
    // The port of one that was closed is free a moment later.
    if (!eventually(bind)) throw std::runtime_error("cannot bind " + endpoint);
    endpoint_ = router_->endpoint();
    instance_ = Uuid::make();
    greeted_.clear();
    kept_ = 0;
  }

  // Who is gone meanwhile need not hear these.
  void refuse() {
    static_cast<void>(router_->send(peer_, encode(message::ErrorReport{ErrorCode::no_session, "say HELLO first"})));
  }
  void answer_beat() {
    if (peer_ != greeted_) return refuse();
    static_cast<void>(router_->send(peer_, encode(message::Beat{})));
  }

  void note(const message::Message& message) {
    if (const auto* report = std::get_if<message::OutcomeReport>(&message)) {
      credit += report->credit;
      for (const auto& job : report->jobs) ended.emplace(AttemptId{job.id, job.attempt}, message::outcome_of(job));
      kept_ += report->jobs.size();
      send(message::Kept{kept_});
    } else if (const auto* progress = std::get_if<message::ProgressReports>(&message)) {
      for (const auto& job : progress->jobs) {
        const AttemptId id{job.id, job.attempt};
        if (ended.count(id) > 0) throw std::runtime_error("PROGRESS came behind OUTCOME");
        told[id].push_back({job.done, std::string(job.note), std::string(job.output), job.offset, job.number});
      }
    } else if (const auto* back = std::get_if<message::Return>(&message)) {
      credit += back->credit;
      returned.insert(returned.end(), back->jobs.begin(), back->jobs.end());
    } else if (const auto* more = std::get_if<message::Credit>(&message)) {
      credit += more->credit;
    } else if (std::holds_alternative<message::Drain>(message)) {
      has_drained = true;
      if (answers_drain) send(message::Drained{});
    } else if (std::holds_alternative<message::Bye>(message)) {
      has_left = true;
    }
  }

  std::chrono::milliseconds liveness_;
  std::optional<SocketContext> context_;
  std::optional<Router> router_;  // after the context, which outlives it
  std::string endpoint_;
  InstanceId instance_;
  std::string peer_;     // whom it heard last
  std::string greeted_;  // who has a session
  std::uint64_t kept_ = 0;
  std::map<AttemptId, Given> given_;
};

}  // namespace zebu::test
