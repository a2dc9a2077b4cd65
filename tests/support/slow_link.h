#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>

namespace zebu::test {

// A link to a port of this machine with a rate and a delay, for programs that connect to it in its place. It buffers as
// a kernel does: what is behind the rate waits in the sender's socket and in its own.
class SlowLink {
 public:
  struct Quality {
    std::size_t bytes_per_second = 0;    // in each direction; 0: as fast as it goes
    std::chrono::milliseconds delay{0};  // in each direction
  };

  // target: "tcp://127.0.0.1:PORT".
  SlowLink(const std::string& target, Quality quality);
  ~SlowLink();
  SlowLink(const SlowLink&) = delete;

  const std::string& endpoint() const { return endpoint_; }
  // Bytes that have passed in both directions.
  std::uint64_t passed() const { return passed_; }

 private:
  struct Loop;

  std::string endpoint_;
  std::atomic<std::uint64_t> passed_ = 0;
  std::unique_ptr<Loop> loop_;
  std::thread thread_;
};

}  // namespace zebu::test
