#pragma once

#include <cstddef>

namespace zebu::http {

// The bytes that all connections together may hold for their clients: large bodies of requests, and large responses
// that wait to be read. One thread, the loop's.
class Budget {
 public:
  explicit Budget(std::size_t limit) : limit_(limit) {}
  Budget(const Budget&) = delete;
  Budget& operator=(const Budget&) = delete;

  // What one connection holds. The budget outlives it.
  class Share {
   public:
    explicit Share(Budget& budget) : budget_(budget) {}
    ~Share() { budget_.used_ -= bytes_; }
    Share(const Share&) = delete;
    Share& operator=(const Share&) = delete;

    // False, and nothing changes, if there is no room for so many bytes. Whoever is alone always has room.
    [[nodiscard]] bool resize(std::size_t bytes) {
      const std::size_t others = budget_.used_ - bytes_;
      if (bytes > bytes_ && others > 0 && others + bytes > budget_.limit_) return false;
      budget_.used_ = others + bytes;
      bytes_ = bytes;
      return true;
    }
    // As resize(), but whoever is alone has no more than the limit either: for what has many parts.
    [[nodiscard]] bool resize_within(std::size_t bytes) {
      return (bytes <= bytes_ || bytes <= budget_.limit_) && resize(bytes);
    }
    void release() {
      budget_.used_ -= bytes_;
      bytes_ = 0;
    }

   private:
    Budget& budget_;
    std::size_t bytes_ = 0;
  };

 private:
  std::size_t limit_;
  std::size_t used_ = 0;
};

}  // namespace zebu::http
