#include "tests/support/slow_link.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>

#include <deque>
#include <future>
#include <vector>

namespace zebu::test {

using boost::asio::ip::tcp;
using SteadyClock = std::chrono::steady_clock;

namespace {

// What the pipes of one direction have in common.
struct Way {
  SlowLink::Quality quality;
  bool is_stalled = false;
  std::atomic<std::uint64_t>& passed;
};

// One direction of a connection: reads, waits as long as the bytes take and the link delays them, writes.
class Pipe : public std::enable_shared_from_this<Pipe> {
 public:
  Pipe(std::shared_ptr<tcp::socket> from, std::shared_ptr<tcp::socket> to, Way& way)
      : from_(std::move(from)), to_(std::move(to)), way_(way), timer_(from_->get_executor()) {}

  void read() {
    if (is_reading_ || has_ended_ || buffered_ >= kBuffer) return;
    is_reading_ = true;
    piece_.resize(kPiece);
    from_->async_read_some(boost::asio::buffer(piece_), [self = shared_from_this()](const auto& error, std::size_t n) {
      self->is_reading_ = false;
      if (error) {
        self->has_ended_ = true;
        return self->go_on();
      }
      self->take(n);
      self->read();
    });
  }

  // After a stall, a write or an end.
  void go_on() {
    if (way_.is_stalled || is_busy_) return;
    if (!waiting_.empty()) {
      wait();
    } else if (has_ended_) {
      close();
    }
  }

  void reset() {
    for (tcp::socket* socket : {from_.get(), to_.get()}) {
      boost::system::error_code ignored;
      socket->set_option(boost::asio::socket_base::linger(true, 0), ignored);
    }
    close();
  }
  [[nodiscard]] bool is_closed() const { return !from_->is_open(); }

 private:
  static constexpr std::size_t kPiece = 4096;
  // What kernels and switches may hide; a delayed link is full of bytes.
  static constexpr std::size_t kBuffer = 4U << 20;

  void take(std::size_t n) {
    last_ = std::max(last_, SteadyClock::now());
    const SlowLink::Quality& quality = way_.quality;
    if (quality.bytes_per_second > 0) last_ += std::chrono::nanoseconds(1'000'000'000 * n / quality.bytes_per_second);
    // A shorter delay than before lets nothing overtake.
    due_ = std::max(due_, last_ + quality.delay);
    waiting_.push_back({{piece_.begin(), piece_.begin() + static_cast<std::ptrdiff_t>(n)}, due_});
    buffered_ += n;
    go_on();
  }
  void wait() {
    is_busy_ = true;
    timer_.expires_at(waiting_.front().due);
    timer_.async_wait([self = shared_from_this()](const auto& error) {
      self->is_busy_ = false;
      if (!error && !self->way_.is_stalled) self->write();
    });
  }
  void write() {
    is_busy_ = true;
    boost::asio::async_write(*to_, boost::asio::buffer(waiting_.front().bytes),
                             [self = shared_from_this()](const auto& error, std::size_t n) {
                               self->is_busy_ = false;
                               if (error) return self->close();
                               self->way_.passed += n;
                               self->buffered_ -= n;
                               self->waiting_.pop_front();
                               self->go_on();
                               self->read();
                             });
  }
  void close() {
    boost::system::error_code ignored;
    from_->close(ignored);
    to_->close(ignored);
    has_ended_ = true;
    if (!is_busy_) waiting_.clear();
  }

  struct Piece {
    std::vector<char> bytes;
    SteadyClock::time_point due;
  };

  std::shared_ptr<tcp::socket> from_;
  std::shared_ptr<tcp::socket> to_;
  Way& way_;
  boost::asio::steady_timer timer_;
  std::vector<char> piece_;
  std::deque<Piece> waiting_;
  std::size_t buffered_ = 0;
  bool is_reading_ = false;
  bool is_busy_ = false;  // waits for the first piece's time, or writes it
  bool has_ended_ = false;
  SteadyClock::time_point last_{};
  SteadyClock::time_point due_{};
};

}  // namespace

struct SlowLink::Loop {
  boost::asio::io_context io;
  tcp::acceptor acceptor{io, {boost::asio::ip::make_address("127.0.0.1"), 0}};
  tcp::endpoint target;
  Way there;
  Way back;
  std::vector<std::shared_ptr<Pipe>> pipes;  // one that stands still has nothing else to keep it

  Loop(const tcp::endpoint& to, Way towards, Way from) : target(to), there(towards), back(from) {}

  void accept() {
    acceptor.async_accept([this](const auto& error, tcp::socket socket) {
      if (error) return;
      auto near = std::make_shared<tcp::socket>(std::move(socket));
      auto far = std::make_shared<tcp::socket>(io);
      far->async_connect(target, [this, near, far](const auto& failed) {
        if (failed) return;
        start(near, far, there);
        start(far, near, back);
      });
      accept();
    });
  }
  void start(const std::shared_ptr<tcp::socket>& from, const std::shared_ptr<tcp::socket>& to, Way& way) {
    std::erase_if(pipes, [](const auto& pipe) { return pipe->is_closed(); });
    pipes.push_back(std::make_shared<Pipe>(from, to, way));
    pipes.back()->read();
  }
};

SlowLink::SlowLink(const std::string& target, Quality quality) {
  const auto port = static_cast<std::uint16_t>(std::stoi(target.substr(target.rfind(':') + 1)));
  loop_ = std::make_unique<Loop>(tcp::endpoint(boost::asio::ip::make_address("127.0.0.1"), port),
                                 Way{quality, false, there_}, Way{quality, false, back_});
  endpoint_ = "tcp://127.0.0.1:" + std::to_string(loop_->acceptor.local_endpoint().port());
  loop_->accept();
  thread_ = std::thread([this] { loop_->io.run(); });
}

SlowLink::~SlowLink() {
  loop_->io.stop();
  thread_.join();
}

void SlowLink::in_loop(const std::function<void()>& call) {
  std::packaged_task<void()> task(call);
  auto done = task.get_future();
  boost::asio::post(loop_->io, [&task] { task(); });
  done.get();
}

void SlowLink::set(Quality quality) {
  in_loop([&] { loop_->there.quality = loop_->back.quality = quality; });
}

void SlowLink::stall(Ways ways) {
  in_loop([&] {
    loop_->there.is_stalled = ways.there;
    loop_->back.is_stalled = ways.back;
    for (const auto& pipe : loop_->pipes) pipe->go_on();
  });
}

void SlowLink::cut() {
  in_loop([&] {
    for (const auto& pipe : loop_->pipes) pipe->reset();
  });
}

}  // namespace zebu::test
