#include "tests/support/slow_link.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>

#include <deque>
#include <vector>

namespace zebu::test {

using boost::asio::ip::tcp;
using SteadyClock = std::chrono::steady_clock;

namespace {

// One direction of a connection: reads, waits as long as the bytes take and the link delays them, writes.
class Pipe : public std::enable_shared_from_this<Pipe> {
 public:
  Pipe(std::shared_ptr<tcp::socket> from, std::shared_ptr<tcp::socket> to, SlowLink::Quality quality,
       std::atomic<std::uint64_t>& passed)
      : from_(std::move(from)), to_(std::move(to)), quality_(quality), passed_(passed), timer_(from_->get_executor()) {}

  void read() {
    if (is_reading_ || buffered_ >= kBuffer) return;
    is_reading_ = true;
    piece_.resize(kPiece);
    from_->async_read_some(boost::asio::buffer(piece_), [self = shared_from_this()](const auto& error, std::size_t n) {
      self->is_reading_ = false;
      if (error) return self->close();
      self->take(n);
      self->read();
    });
  }

 private:
  static constexpr std::size_t kPiece = 4096;
  static constexpr std::size_t kBuffer = 4U
                                         << 20;  // what kernels and switches may hide; a delayed link is full of bytes

  void take(std::size_t n) {
    const auto now = SteadyClock::now();
    last_ = std::max(last_, now);
    if (quality_.bytes_per_second > 0) last_ += std::chrono::nanoseconds(1'000'000'000 * n / quality_.bytes_per_second);
    waiting_.push_back({{piece_.begin(), piece_.begin() + static_cast<std::ptrdiff_t>(n)}, last_ + quality_.delay});
    buffered_ += n;
    if (waiting_.size() == 1) wait();
  }
  void wait() {
    timer_.expires_at(waiting_.front().due);
    timer_.async_wait([self = shared_from_this()](const auto& error) {
      if (!error) self->write();
    });
  }
  void write() {
    boost::asio::async_write(*to_, boost::asio::buffer(waiting_.front().bytes),
                             [self = shared_from_this()](const auto& error, std::size_t n) {
                               if (error) return self->close();
                               self->passed_ += n;
                               self->buffered_ -= n;
                               self->waiting_.pop_front();
                               if (!self->waiting_.empty()) self->wait();
                               self->read();
                             });
  }
  void close() {
    boost::system::error_code ignored;
    from_->close(ignored);
    to_->close(ignored);
  }

  struct Piece {
    std::vector<char> bytes;
    SteadyClock::time_point due;
  };

  std::shared_ptr<tcp::socket> from_;
  std::shared_ptr<tcp::socket> to_;
  SlowLink::Quality quality_;
  std::atomic<std::uint64_t>& passed_;
  boost::asio::steady_timer timer_;
  std::vector<char> piece_;
  std::deque<Piece> waiting_;
  std::size_t buffered_ = 0;
  SteadyClock::time_point last_{};
  bool is_reading_ = false;
};

}  // namespace

struct SlowLink::Loop {
  boost::asio::io_context io;
  tcp::acceptor acceptor{io, {boost::asio::ip::make_address("127.0.0.1"), 0}};
  tcp::endpoint target;
  Quality quality;
  std::atomic<std::uint64_t>& passed;

  Loop(const tcp::endpoint& to, Quality with, std::atomic<std::uint64_t>& count)
      : target(to), quality(with), passed(count) {}

  void accept() {
    acceptor.async_accept([this](const auto& error, tcp::socket socket) {
      if (error) return;
      auto near = std::make_shared<tcp::socket>(std::move(socket));
      auto far = std::make_shared<tcp::socket>(io);
      far->async_connect(target, [this, near, far](const auto& failed) {
        if (failed) return;
        std::make_shared<Pipe>(near, far, quality, passed)->read();
        std::make_shared<Pipe>(far, near, quality, passed)->read();
      });
      accept();
    });
  }
};

SlowLink::SlowLink(const std::string& target, Quality quality) {
  const auto port = static_cast<std::uint16_t>(std::stoi(target.substr(target.rfind(':') + 1)));
  loop_ = std::make_unique<Loop>(tcp::endpoint(boost::asio::ip::make_address("127.0.0.1"), port), quality, passed_);
  endpoint_ = "tcp://127.0.0.1:" + std::to_string(loop_->acceptor.local_endpoint().port());
  loop_->accept();
  thread_ = std::thread([this] { loop_->io.run(); });
}

SlowLink::~SlowLink() {
  loop_->io.stop();
  thread_.join();
}

}  // namespace zebu::test
