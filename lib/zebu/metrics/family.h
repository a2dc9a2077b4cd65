#pragma once

#include "zebu/metrics/text.h"

#include <array>
#include <cstddef>
#include <map>
#include <string>
#include <string_view>

namespace zebu::metrics {

// The name that stands for all queues or tasks beyond a limit. One that really has this name is counted with them.
inline constexpr std::string_view kOther = "other";

// How many members a family may have whose members make `lines` series each, so that it has at most about `series`.
[[nodiscard]] constexpr std::size_t members_of(std::size_t series, std::size_t lines) {
  return series < lines ? 1 : series / lines;
}

// The series of one metric by the values of its labels. Values stay where they are for as long as the family lives, so
// that a loop may keep pointers to those it counts in. One thread.
template <class Value, std::size_t kLabels>
class Family {
 public:
  using Texts = std::array<std::string_view, kLabels>;

  // labels: their names; literals. most: members, beside those that stand for others.
  Family(const Texts& labels, std::size_t most) : labels_(labels), most_(most) {}
  Family(const Family&) = delete;
  Family& operator=(const Family&) = delete;

  // The value of these; beyond the limit that of `others`, of which there must be few.
  Value& at(const Texts& values, const Texts& others) {
    if (const auto found = members_.find(values); found != members_.end()) return found->second.value;
    if (members_.size() < most_) return insert(values);
    const auto found = members_.find(others);
    return found != members_.end() ? found->second.value : insert(others);
  }
  // Without a limit: for values that are the program's own.
  Value& at(const Texts& values) {
    const auto found = members_.find(values);
    return found != members_.end() ? found->second.value : insert(values);
  }

  [[nodiscard]] std::size_t size() const { return members_.size(); }
  // Calls f(labels as they stand in a text, value), in the order of the labels' values.
  template <class F>
  void for_each(F&& f) const {
    for (const auto& [values, member] : members_) f(std::string_view(member.labels), member.value);
  }

 private:
  using Key = std::array<std::string, kLabels>;
  struct Less {
    using is_transparent = void;
    template <class A, class B>
    bool operator()(const A& a, const B& b) const {
      for (std::size_t i = 0; i < kLabels; ++i) {
        if (const int order = std::string_view(a[i]).compare(std::string_view(b[i])); order != 0) return order < 0;
      }
      return false;
    }
  };
  struct Member {
    std::string labels;  // made once, because they are written often
    Value value{};
  };

  Value& insert(const Texts& values) {
    Key key;
    std::string labels;
    for (std::size_t i = 0; i < kLabels; ++i) {
      key[i] = values[i];
      append_label(labels, labels_[i], values[i]);
    }
    return members_.emplace(std::move(key), Member{std::move(labels)}).first->second.value;
  }

  Texts labels_;
  std::size_t most_;
  std::map<Key, Member, Less> members_;
};

}  // namespace zebu::metrics
