#include "tests/support/catch.h"
#include "tests/support/eventually.h"
#include "tests/support/http_jobs.h"
#include "tests/support/log_lines.h"
#include "tests/support/paths.h"
#include "tests/support/stack.h"
#include "webfront/routes.h"

#include <csignal>
#include <filesystem>
#include <fstream>

// Who may do what over HTTP.
using namespace zebu::test;
using namespace std::chrono_literals;

namespace {

// A file of tokens, and the tokens.
struct Keys {
  explicit Keys(const std::filesystem::path& folder) : file((folder / "tokens.toml").string()) {}

  std::string make(const std::string& name, const std::string& rights, std::vector<std::string> more = {}) const {
    std::vector<std::string> command = {program("zebu-webfront"), "token", name, "--rights", rights, "--tokens", file};
    command.insert(command.end(), more.begin(), more.end());
    const Finished made = run({.command = command});
    REQUIRE(made.exit.code == 0);
    REQUIRE(made.err.empty());
    return made.out.substr(0, made.out.find('\n'));
  }
  [[nodiscard]] std::string text() const {
    std::ifstream input(file);
    return {std::istreambuf_iterator<char>(input), {}};
  }
  // As an editor that saves does it: another file in its place.
  void replace(const std::string& with) const {
    std::ofstream(file + ".new") << with;
    std::filesystem::rename(file + ".new", file);
  }

  std::string file;
};

HttpReply ask(const Stack& stack, const std::string& method, const std::string& target,
              const std::string& authorization) {
  HttpRequest request{method, target, {}, {}};
  if (!authorization.empty()) request.headers["authorization"] = authorization;
  if (method == "POST" && target == "/v1/jobs") {
    request.headers["content-type"] = "application/json";
    request.body = R"({"task": "echo", "args": [1]})";
  }
  return http(stack.http_port(), request);
}

// With something in place of a path's parameter.
std::string target_of(std::string_view path) {
  const std::size_t begin = path.find('{');
  if (begin == std::string_view::npos) return std::string(path);
  const std::size_t end = path.find('}');
  const std::string_view name = path.substr(begin, end - begin + 1);
  const std::string value = name == "{n}" ? "3" : name == "{id}" ? kUnknown : "nosuch";
  return std::string(path.substr(0, begin)) + value + std::string(path.substr(end + 1));
}

}  // namespace

TEST_CASE("each route needs a token with its right, and an open one needs none") {
  using zebu::webfront::Right;
  TempDir folder;
  const Keys keys(folder.path());
  const std::map<Right, std::string> tokens = {{Right::read, keys.make("reader", "read")},
                                               {Right::submit, keys.make("submitter", "submit")},
                                               {Right::operate, keys.make("operator", "operate")}};
  const Stack stack({.webfront = {"--tokens", keys.file}});
  for (const auto& route : zebu::webfront::all_routes()) {
    const std::string method(zebu::http::name_of(route.method));
    const std::string target = target_of(route.path);
    INFO(method << ' ' << target);
    const HttpReply without = ask(stack, method, target, "");
    const bool is_open = route.right == Right::open;
    CHECK((without.status != 401) == is_open);
    if (!is_open) {
      CHECK(problem_of(without) == "unauthorized");
      CHECK(without.header("www-authenticate") == "Bearer realm=\"zebu\"");
    }
    for (const auto& [right, token] : tokens) {
      INFO(to_string(right));
      const HttpReply reply = ask(stack, method, target, "Bearer " + token);
      CHECK(reply.status != 401);
      CHECK((reply.status == 403) == (!is_open && right != route.right));
      if (reply.status == 403) {
        CHECK(problem_of(reply) == "forbidden");
        CHECK(reply.header("www-authenticate") == "Bearer realm=\"zebu\", error=\"insufficient_scope\"");
      }
    }
  }
}

TEST_CASE("what is no token of the file is refused, whatever it looks like") {
  TempDir folder;
  const Keys keys(folder.path());
  const std::string token = keys.make("a", "read,submit,operate");
  const std::string late = keys.make("late", "read", {"--expires", "1s"});
  const Stack stack({.webfront = {"--tokens", keys.file}});
  const auto status = [&](const std::string& authorization) {
    return ask(stack, "GET", "/v1/queues", authorization).status;
  };
  REQUIRE(eventually([&] { return status("Bearer " + token) == 200; }));  // it has found its broker
  CHECK(status("bearer   " + token) == 200);
  for (const std::string& wrong :
       {token, "Basic " + token, std::string("Bearer"), "Bearer " + token + "a", "Bearer " + token.substr(0, 47),
        "Bearer " + std::string(4000, 'x'), "Bearer " + token + ", Bearer " + token}) {
    INFO(wrong);
    CHECK(status(wrong) == 401);
  }
  HttpConnection two(stack.http_port());
  two.send("GET /v1/queues HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + token +
           "\r\nAuthorization: Bearer " + token + "\r\n\r\n");
  CHECK(two.receive().status == 401);
  // The hash that stands in the file is no token.
  const std::string text = keys.text();
  const std::string hash = text.substr(text.find("sha256 = \"") + 10, 64);
  CHECK(status("Bearer " + hash) == 401);
  CHECK(status("Bearer zebu_" + hash) == 401);
  CHECK(eventually([&] { return status("Bearer " + late) == 401; }));
  CHECK(ask(stack, "GET", "/v1/queues", "Bearer " + late).body.find("has expired") != std::string::npos);
}

TEST_CASE("a token that is taken out of the file is refused soon, and a mistake in it changes nothing") {
  TempDir folder;
  const Keys keys(folder.path());
  const std::string first = keys.make("first", "read");
  const std::string only_first = keys.text();
  const std::string second = keys.make("second", "read");
  Stack stack({.webfront = as_json({"--tokens", keys.file})});
  logged(stack.webfront(), "tokens_read", {{"file", keys.file}, {"count", 2}});
  const auto status = [&](const std::string& token) {
    return ask(stack, "GET", "/v1/queues", "Bearer " + token).status;
  };
  REQUIRE(eventually([&] { return status(second) == 200; }));  // it has found its broker
  keys.replace(only_first + "[third]\nrights = [\"raed\"]\n");
  logged(stack.webfront(), "tokens_unreadable", {{"file", keys.file}});
  CHECK(status(first) == 200);
  CHECK(status(second) == 200);
  keys.replace(only_first);
  logged(stack.webfront(), "tokens_read", {{"file", keys.file}, {"count", 1}});
  CHECK(status(first) == 200);
  CHECK(status(second) == 401);
  const std::string third = keys.make("third", "read");
  CHECK(eventually([&] { return status(third) == 200; }));
  // No secret in the log.
  for (const std::string& token : {first, second, third}) {
    CHECK(stack.webfront().err().find(token.substr(5)) == std::string::npos);
  }
}

TEST_CASE("at SIGHUP a front end with tokens reads them, and goes on; one without stops") {
  TempDir folder;
  const Keys keys(folder.path());
  const std::string token = keys.make("a", "read");
  Process with({program("zebu-webfront"), "--listen", "127.0.0.1:0", "--tokens", keys.file});
  with.wait_for_line("zebu-webfront ready");
  const auto reads = [&] {
    const std::string log = with.err();
    int count = 0;
    for (auto at = log.find("[tokens_read "); at != std::string::npos; at = log.find("[tokens_read ", at + 1)) ++count;
    return count;
  };
  for (int times = 2; times < 5; ++times) {
    with.signal(SIGHUP);
    CHECK(eventually([&] { return reads() == times; }));
  }
  CHECK(with.is_running());
  with.signal(SIGTERM);
  CHECK(with.wait_exit().code == 0);
  CHECK(with.err().find("stopping: SIGTERM") != std::string::npos);
  Process without({program("zebu-webfront"), "--listen", "127.0.0.1:0"});
  without.wait_for_line("zebu-webfront ready");
  without.signal(SIGHUP);
  CHECK(without.wait_exit().code == 0);
  CHECK(without.err().find("stopping: SIGHUP") != std::string::npos);
}

TEST_CASE("a front end that others can reach needs tokens, or to be told that it does not") {
  const auto refused = [](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), program("zebu-webfront"));
    const Finished ended = run({.command = arguments});
    CHECK(ended.exit.code == 2);
    return ended.err;
  };
  for (const char* listen : {"*:0", "0.0.0.0:0", "[::]:0", "jobs.example:0"}) {
    INFO(listen);
    CHECK(refused({"--listen", listen}).find("can be reached from other machines: give --tokens FILE") !=
          std::string::npos);
  }
  CHECK(refused({"--tokens", "x", "--no-auth"}).find("--no-auth") != std::string::npos);
  for (const char* listen : {"127.0.0.1:0", "127.1.2.3:0", "[::1]:0", "localhost:0"}) {
    INFO(listen);
    Process front({program("zebu-webfront"), "--listen", listen});
    front.wait_for_line("zebu-webfront ready");
  }
  Process open({program("zebu-webfront"), "--listen", "*:0", "--no-auth"});
  open.wait_for_line("zebu-webfront ready");
  const Finished none =
      run({.command = {program("zebu-webfront"), "--listen", "127.0.0.1:0", "--tokens", "/nosuch/x"}});
  CHECK(none.exit.code == 1);
  CHECK(none.err.find("cannot read the tokens in /nosuch/x: No such file or directory") != std::string::npos);
}

TEST_CASE("zebu-webfront token says what is wrong, and changes nothing then") {
  TempDir folder;
  const Keys keys(folder.path());
  static_cast<void>(keys.make("a", "read"));
  const std::string before = keys.text();
  const auto fails = [&](std::vector<std::string> arguments, int code) {
    arguments.insert(arguments.begin(), {program("zebu-webfront"), "token"});
    const Finished ended = run({.command = arguments});
    CHECK(ended.exit.code == code);
    CHECK(ended.out.empty());
    return ended.err;
  };
  CHECK(fails({"a", "--rights", "read", "--tokens", keys.file}, 1).find("there is a token of 'a' in ") !=
        std::string::npos);
  CHECK(fails({"b", "--rights", "raed", "--tokens", keys.file}, 2)
            .find("there are the rights read, submit and operate") != std::string::npos);
  CHECK(fails({"b", "--tokens", keys.file}, 2).find("--rights") != std::string::npos);
  CHECK(fails({"b", "--rights", "read"}, 2).find("--tokens: needs the file") != std::string::npos);
  CHECK(fails({"b", "--rights", "read", "--tokens", "/nosuch/x"}, 1).find("cannot write to /nosuch/x: ") !=
        std::string::npos);
  CHECK(keys.text() == before);
}
