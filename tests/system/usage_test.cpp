#include "tests/support/catch.h"
#include "tests/support/paths.h"
#include "tests/support/process.h"
#include "tests/support/temp_dir.h"

#include <algorithm>
#include <regex>

using namespace zebu::test;

namespace {

struct Wrong {
  std::vector<std::string> command;
  std::string said;  // the first line on stderr, behind "PROGRAM: "
  std::string see;   // the second, behind "See "; empty: there is none
};

void check_refused(const Wrong& wrong, const std::map<std::string, std::string>& environment = {}) {
  std::vector<std::string> command = wrong.command;
  command[0] = program(command[0]);
  const Finished ended = run({.command = command, .environment = environment});
  std::string line;
  for (const std::string& word : wrong.command) line += word + ' ';
  INFO(line << '\n' << ended.err);
  CHECK(ended.exit.code == 2);
  CHECK(ended.out.empty());
  CHECK(ended.err ==
        wrong.command[0] + ": " + wrong.said + '\n' + (wrong.see.empty() ? "" : "See " + wrong.see + '\n'));
}

}  // namespace

TEST_CASE("a mistake on a command line is named, with what was probably meant, and exit code 2") {
  const std::string producer = "zebu-producer --help";
  const std::string submit = "zebu-producer submit --help";
  for (const Wrong& wrong : std::vector<Wrong>{
           {{"zebu-producer", "subimt", "fib", "3"},
            "unknown command 'subimt': did you mean 'submit'? (not expected: subimt fib 3)",
            producer},
           {{"zebu-producer", "xyzzy"}, "unknown command 'xyzzy'", producer},
           {{"zebu-producer", "submit", "fib", "--wiat"}, "unknown option --wiat: did you mean '--wait'?", submit},
           {{"zebu-producer", "submit", "--wiat"}, "unknown option --wiat: did you mean '--wait'?", submit},
           {{"zebu-producer", "submit", "fib", "--brokre", "x"},
            "unknown option --brokre: did you mean '--broker'?",
            submit},
           {{"zebu-producer", "--wait", "submit", "fib", "3"},
            "--wait is an option of the command submit, and stands behind it: zebu-producer submit ... --wait",
            submit},
           {{"zebu-producer", "--reason=x"},
            "--reason is an option of the command pause, and stands behind it",
            producer},
           {{"zebu-producer", "queues", "--runs"},
            "--runs is an option of the command consumers, not of queues",
            "zebu-producer queues --help"},
           {{"zebu-producer", "ping", "a", "b"}, "not expected: a b", "zebu-producer ping --help"},
           {{"zebu-producer", "submit", "fib", "--timeout", "1s"}, "--timeout requires --wait", submit},
           {{"zebu-producer", "submit", "fib", "--priority"}, "--priority needs a value", submit},
           {{"zebu-broker", "--queue-limits", "5"},
            "unknown option --queue-limits: did you mean '--queue-limit'?",
            "zebu-broker --help"},
           {{"zebu-broker", "chekc"}, "unknown command 'chekc': did you mean 'check'?", "zebu-broker --help"},
           {{"zebu-broker", "--force"},
            "--force is an option of the command backup, and stands behind it",
            "zebu-broker --help"},
           {{"zebu-consumer", "extra"}, "not expected: extra", "zebu-consumer --help"},
           {{"zebu-webfront", "-x"}, "unknown option -x", "zebu-webfront --help"},
       }) {
    check_refused(wrong);
  }
}

TEST_CASE("a bad value of an option of any program is exit code 2, and says what would be right") {
  const std::string no_size = " is not a valid size: use 64KiB, 512MiB, 16GiB, or a number of bytes";
  const std::string no_duration = " is not a valid duration: use 250ms, 3s, 1h30m, 7d, or a number of seconds";
  for (const Wrong& wrong : std::vector<Wrong>{
           {{"zebu-webfront", "--listen", "8080"}, "--listen: cannot listen on '8080': use HOST:PORT", ""},
           {{"zebu-webfront", "--max-body", "big"}, "--max-body: 'big'" + no_size, ""},
           {{"zebu-webfront", "--max-wait", "soon"}, "--max-wait: 'soon'" + no_duration, ""},
           {{"zebu-webfront", "--max-connections", "0"},
            "--max-connections: '0' is not a whole number from 1 to 1000000",
            ""},
           {{"zebu-broker", "--queue-bytes", "lots"}, "--queue-bytes: 'lots'" + no_size, ""},
           {{"zebu-broker", "--max-message", "1"}, "--max-message: it must be a size from 1KiB to 1GiB, not 1", ""},
           {{"zebu-broker", "--intake", "1MiB"}, "--intake: must be at least --max-message, 16MiB", ""},
           {{"zebu-broker", "--spin", "250"}, "--spin: it must be at least 0s, at most 1ms, not 4m10s", ""},
           {{"zebu-broker", "--liveness", "50ms"},
            "--liveness: it must be at least 100ms, at most 24855d3h14m8s, not 50ms",
            ""},
           {{"zebu-broker", "--queue-limit", "1.5"},
            "--queue-limit: '1.5' is not a whole number from 1 to 1099511627776",
            ""},
           {{"zebu-broker", "--log-level", "wran"},
            "--log-level: 'wran' is not trace, debug, info, warn, error or off: did you mean 'warn'?",
            ""},
           {{"zebu-consumer", "--slots", "many"}, "--slots: 'many' is not a whole number from 1 to 4096", ""},
           {{"zebu-consumer", "--slot-memory", "1MiB"},
            "--slot-memory: it must be a size from 32MiB to 1024TiB, not 1MiB",
            ""},
           {{"zebu-consumer", "--pool", "thread"},
            "--pool: 'thread' is not processes or threads: did you mean 'threads'?",
            ""},
           {{"zebu-producer", "submit", "fib", "--retry-factor", "x"}, "--retry-factor: 'x' is not a number", "submit"},
           {{"zebu-producer", "list", "--state", "faild"},
            "--state: 'faild' is not scheduled, queued, running, succeeded, failed, cancelled or expired: did you mean "
            "'failed'?",
            "list"},
           {{"zebu-producer", "top", "--interval", "0"},
            "--interval: it must be at least 10ms, at most 1d, not 0s",
            "top"},
       }) {
    Wrong full = wrong;
    full.see = wrong.command[0] + (wrong.see.empty() ? "" : ' ' + wrong.see) + " --help";
    check_refused(full);
  }
}

TEST_CASE("a mistake in a configuration file is told with its place") {
  const TempDir dir;
  const auto refused = [&](const std::string& name, const std::string& text, const std::string& said) {
    const std::string file = dir.write("x.toml", text);
    check_refused({{name, "--config", file}, file + ":" + said, ""});
  };
  refused("zebu-broker", "\nqueue-limits = 5\n", "2:16: unknown key 'queue-limits': did you mean 'queue-limit'?");
  refused("zebu-broker", "queue_limit = 5\n", "1:15: unknown key 'queue_limit': did you mean 'queue-limit'?");
  refused("zebu-broker", "queue-limit = \"5\"\n", "1:15: queue-limit must be a whole number, not a string");
  refused("zebu-broker", "liveness = true\n",
          "1:12: liveness must be a string such as \"1h30m\", or a number of seconds, not true or false");
  refused("zebu-broker", "liveness = \"soon\"\n",
          "1:12: liveness: 'soon' is not a valid duration: use 250ms, 3s, 1h30m, 7d, or a number of seconds");
  refused("zebu-broker", "queue-bytes = 1.5\n",
          "1:15: queue-bytes must be a string such as \"512MiB\", or a number of bytes, not a number with a fraction");
  refused("zebu-broker", "store = 5\n", "1:9: store must be a string, not a whole number");
  refused("zebu-broker", "[chekc]\na = 1\n", "2:5: unknown table 'chekc': did you mean 'check'?");
  refused("zebu-consumer", "queues = [1]\n", "1:10: queues must be a list of strings, not a whole number");
  refused("zebu-producer", "wait = true\n", "1:8: 'wait' is an option of submit: put it below [submit]");
  refused("zebu-producer", "submit.wait = 1\n", "1:15: wait must be true or false, not a whole number");
  refused("zebu-producer", "[list]\nqueue = \"q\"\n", "2:9: 'queue' can only be a flag: --queue");
  const std::string none = dir.path() / "none.toml";
  check_refused({{"zebu-broker", "--config", none},
                 "cannot read the configuration file " + none + ": No such file or directory",
                 "zebu-broker --help"});
  check_refused({{"zebu-broker", "--config", dir.path()},
                 "cannot read the configuration file " + dir.path().string() + ": it is a directory",
                 "zebu-broker --help"});
  check_refused({{"zebu-broker", "--config", "", "--print-config"},
                 "--config needs the name of a file; --no-config reads none",
                 "zebu-broker --help"});
  check_refused(
      {{"zebu-broker", "--no-config", "--config", "/dev/null"}, "--config and --no-config exclude each other", ""});
  check_refused({{"zebu-broker"}, "ZEBU_KEEP: 'x' is not a whole number from 1 to 1099511627776", ""},
                {{"ZEBU_KEEP", "x"}});
  // What a file is wrong in does not hide the help that says what is right.
  const std::string bad = dir.write("bad.toml", "x\n");
  CHECK(run({.command = {program("zebu-broker"), "--config", bad, "--help"}}).exit.code == 0);
}

TEST_CASE("the option --version says what the program is, and what it speaks") {
  const std::regex form(
      R"((zebu-[a-z]+) [0-9]+\.[0-9]+\.[0-9]+ \((commit [0-9a-f]{7,}(-dirty)?, )?protocol 2\.[0-9]+(, store format [0-9]+)?\)\n)");
  for (const std::string name : {"zebu-broker", "zebu-consumer", "zebu-producer", "zebu-webfront"}) {
    const Finished version = run({.command = {program(name), "--version"}});
    std::smatch found;
    INFO(version.out);
    REQUIRE(std::regex_match(version.out, found, form));
    CHECK(found[1] == name);
    CHECK(found[4].matched == (name == "zebu-broker"));
  }
}

TEST_CASE("the option --help fits 80 columns, and has an example") {
  std::vector<std::vector<std::string>> screens = {
      {"zebu-broker"}, {"zebu-consumer"}, {"zebu-webfront"}, {"zebu-producer"}, {"zebu-broker", "backup"}};
  for (const char* command :
       {"submit", "map", "wait", "status", "cancel", "list", "retry", "purge", "pause", "resume", "drain", "top"})
    screens.push_back({"zebu-producer", command});
  for (std::vector<std::string> words : screens) {
    words[0] = program(words[0]);
    words.emplace_back("--help");
    const std::string text = run({.command = words}).out;
    INFO(text);
    CHECK(text.find("\nExamples:\n  ") != std::string::npos);
    std::size_t begin = 0;
    for (std::size_t end = 0; (end = text.find('\n', begin)) != std::string::npos; begin = end + 1) {
      const auto columns = std::count_if(text.begin() + static_cast<std::ptrdiff_t>(begin),
                                         text.begin() + static_cast<std::ptrdiff_t>(end),
                                         [](char c) { return (static_cast<unsigned char>(c) & 0xc0U) != 0x80U; });
      CHECK(columns <= 80);
    }
  }
}

TEST_CASE("a mistake in how a script is called is named, with exit code 2, and nothing is built") {
  for (const auto& [script, argument, said] : {
           std::tuple{"build", "--nonsense", "unknown option '--nonsense'"},
           std::tuple{"build", "realese", "there is no preset 'realese'. The presets are: "},
           std::tuple{"run", "--nonsense", "unknown option '--nonsense'"},
           std::tuple{"test", "--nonsense", "unknown argument '--nonsense'; arguments for ctest come after --"},
           std::tuple{"simulate", "--nonsense", "unknown argument '--nonsense'"},
           std::tuple{"crash", "--nonsense", "how many rounds?"},
           std::tuple{"lint", "--nonsense", "unknown option '--nonsense'"},
           std::tuple{"package", "--nonsense", "unknown argument '--nonsense'"},
           std::tuple{"nightly", "--nonsense", "there is no step '--nonsense'"},
       }) {
    const Finished ended = run({.command = {source(std::string("scripts/") + script), argument}});
    INFO(script << ' ' << argument << '\n' << ended.err);
    CHECK(ended.exit.code == 2);
    CHECK(ended.out.empty());
    CHECK(ended.err.rfind(std::string(script) + ": " + said, 0) == 0);
    CHECK(ended.err.find("\nSee ") != std::string::npos);
  }
}
