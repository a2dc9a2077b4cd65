#pragma once

#include "producer/text/terminal.h"
#include "zebu/job.h"

#include <nlohmann/json.hpp>

#include <optional>
#include <string>

namespace zebu::producer {

// The broker's answers, as far as what is shown needs them.
struct TopData {
  nlohmann::json broker;
  nlohmann::json queues;
  nlohmann::json consumers;
  nlohmann::json jobs;  // of TopWish::queue
  nlohmann::json job;   // TopWish::job
};

// What is asked of the broker beside the overview.
struct TopWish {
  std::string queue;  // empty: no jobs
  JobState state = JobState::running;
  std::string job;  // an id; empty: none
  bool operator==(const TopWish&) const = default;
};

// What a reader of `top` looks at. Keys change it; it knows neither a terminal nor a broker.
class TopState {
 public:
  enum class View { overview, jobs, job, help };
  // Of the queues: the key, and what it is called.
  enum class Sort { backlog, name, running, failed, in, out, oldest };

  // data: what is on the screen. Returns false if the key closes the program.
  bool press(Key key, const TopData& data);

  [[nodiscard]] View view() const { return view_; }
  [[nodiscard]] Sort sort() const { return sort_; }
  [[nodiscard]] bool is_reversed() const { return is_reversed_; }
  [[nodiscard]] const TopWish& wish() const { return wish_; }
  // The line that is chosen, or of a text the first line that is shown. Below `rows`.
  [[nodiscard]] std::size_t row(std::size_t rows) const;

 private:
  bool press_in_view(Key key, const TopData& data);
  void open(const TopData& data);
  void back();
  void move(Key key);
  void go(View view);

  View view_ = View::overview;
  View before_help_ = View::overview;
  Sort sort_ = Sort::backlog;
  bool is_reversed_ = false;
  TopWish wish_;
  std::size_t row_ = 0;
  std::size_t queue_row_ = 0;  // to come back to
  std::size_t job_row_ = 0;
};

[[nodiscard]] std::string to_string(TopState::Sort sort);

// The queues in the order in which they are shown.
[[nodiscard]] std::vector<nlohmann::json> sorted_queues(const nlohmann::json& queues, TopState::Sort sort,
                                                        bool is_reversed);

}  // namespace zebu::producer
