// coroutine BROKER NAME: the same for a program with an Asio loop of its own.
#include <zebu/awaitable.h>
#include <zebu/convert.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include <iostream>

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  boost::asio::io_context loop;
  zebu::SocketContext sockets;
  zebu::ClientSession session(loop, sockets, {.broker = argv[1], .name = "outside"});
  if (!session.start()) return 1;
  int code = 1;
  const auto greet = [&]() -> boost::asio::awaitable<void> {
    zebu::JobRequest request{"greet", zebu::pack_args(argv[2])};
    const auto outcome = co_await zebu::run(session, std::move(request), zebu::Clock::now() + std::chrono::seconds(30));
    if (outcome) std::cout << zebu::unpack_value<std::string>(outcome->result).value_or("failed") << '\n';
    code = outcome ? 0 : 1;
    session.close();
    loop.stop();
  };
  boost::asio::co_spawn(loop, greet, boost::asio::detached);
  loop.run();
  return code;
}
