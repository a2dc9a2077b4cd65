#include "webfront/converter.h"

#include "tests/support/catch.h"
#include "tests/support/eventually.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include <future>
#include <stdexcept>
#include <thread>
#include <vector>

using namespace zebu;
using namespace std::chrono_literals;
using webfront::Converter;

namespace {

using Conversion = std::function<int()>;

struct ConverterFixture {
  boost::asio::io_context loop{1};
  Converter converter{loop};
  std::vector<std::optional<int>> values{};
  std::string failure{};

  boost::asio::awaitable<void> convert(std::size_t bytes, Conversion conversion) {
    try {
      values.push_back(co_await converter.run(bytes, conversion));
    } catch (const std::exception& e) {
      failure = e.what();
    }
  }
  void start(std::size_t bytes, Conversion conversion) {
    boost::asio::co_spawn(loop, convert(bytes, std::move(conversion)), boost::asio::detached);
  }
};

constexpr std::size_t kLargeText = Converter::kInLoop + 1;

}  // namespace

TEST_CASE_METHOD(ConverterFixture, "a small value is converted in the loop, and a large one is not") {
  const auto loop_thread = std::this_thread::get_id();
  std::thread::id small;
  std::thread::id large;
  start(Converter::kInLoop, [&] {
    small = std::this_thread::get_id();
    return 1;
  });
  start(kLargeText, [&] {
    large = std::this_thread::get_id();
    return 2;
  });
  loop.run();
  CHECK(small == loop_thread);
  CHECK(large != loop_thread);
  CHECK(values == std::vector<std::optional<int>>{1, 2});
}

TEST_CASE_METHOD(ConverterFixture, "the loop goes on while a large value is converted") {
  std::promise<void> released;
  auto is_released = released.get_future();
  // It ends only if the loop does something else before it.
  start(kLargeText, [&] { return is_released.wait_for(test::scaled(20s)) == std::future_status::ready ? 1 : 0; });
  boost::asio::post(loop, [&] { released.set_value(); });
  loop.run();
  CHECK(values == std::vector<std::optional<int>>{1});
}

TEST_CASE_METHOD(ConverterFixture, "large values have a limit together, and one alone has none") {
  start(Converter::kMaxWaiting + 1, [] { return 1; });
  start(kLargeText, [] { return 2; });
  start(10, [] { return 3; });
  loop.run();
  CHECK(values == std::vector<std::optional<int>>{std::nullopt, 3, 1});
  loop.restart();
  start(kLargeText, [] { return 4; });
  loop.run();
  CHECK(values.back() == 4);
}

TEST_CASE_METHOD(ConverterFixture, "an exception of a conversion goes to who asked for it") {
  start(kLargeText, []() -> int { throw std::runtime_error("planned"); });
  start(kLargeText, [] { return 1; });
  loop.run();
  CHECK(failure == "planned");
  CHECK(values == std::vector<std::optional<int>>{1});
}
