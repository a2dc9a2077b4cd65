#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>

namespace zebu::test {

// A link to a port of this machine with a rate and a delay, for programs that connect to it in its place. It buffers as
// a kernel does: what is behind the rate waits in the sender's socket and in its own. It can also reset its
// connections, and stand still in one direction or both. All of it holds for the connections of the moment and for
// later ones. Thread-safe; each call has taken effect when it returns.
class SlowLink {
 public:
  struct Quality {
    std::size_t bytes_per_second = 0;    // in each direction; 0: as fast as it goes
    std::chrono::milliseconds delay{0};  // in each direction
  };
  // Which directions: there is towards the target.
  struct Ways {
    bool there = false;
    bool back = false;
  };

  // target: "tcp://127.0.0.1:PORT".
  SlowLink(const std::string& target, Quality quality);
  ~SlowLink();
  SlowLink(const SlowLink&) = delete;

  const std::string& endpoint() const { return endpoint_; }
  // Bytes that have passed in both directions.
  std::uint64_t passed() const { return there_ + back_; }
  std::uint64_t passed_there() const { return there_; }
  std::uint64_t passed_back() const { return back_; }

  // For what is read from now on.
  void set(Quality quality);
  // In these directions nothing passes, not even the end of a connection; what comes waits for a later call. Programs
  // can still connect: it is the link that accepts.
  void stall(Ways ways);
  // Both ends of every connection see a reset; what was on its way is lost.
  void cut();

 private:
  struct Loop;
  void in_loop(const std::function<void()>& call);

  std::string endpoint_;
  std::atomic<std::uint64_t> there_ = 0;
  std::atomic<std::uint64_t> back_ = 0;
  std::unique_ptr<Loop> loop_;
  std::thread thread_;
};

}  // namespace zebu::test
