#include "zebu/program/cli.h"

#include "zebu/error.h"
#include "zebu/job.h"
#include "zebu/program/log.h"
#include "zebu/version.h"

#include <array>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <iostream>
#include <string_view>

namespace zebu::cli {
namespace {

// open() returns the lowest free descriptor. Reading stdin or writing stdout then still fails, because each is opened
// in the wrong direction; but log messages to stderr are dropped without an error.
void take_closed_descriptors() {
  constexpr std::array<int, 3> kModes = {O_WRONLY, O_RDONLY, O_WRONLY};
  for (int descriptor = 0; descriptor < 3; ++descriptor) {
    if (::fcntl(descriptor, F_GETFD) >= 0 || errno != EBADF) continue;
    if (::open("/dev/null", kModes[static_cast<std::size_t>(descriptor)]) < 0) std::abort();
  }
}

std::string environment_name(std::string option) {
  for (char& c : option) c = c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return "ZEBU_" + option;
}

// Every long option can be set in the environment, except those that print something and exit.
void name_environment(CLI::App& app) {
  for (CLI::Option* option : app.get_options()) {
    if (option->get_lnames().empty() || !option->get_configurable()) continue;
    option->envname(environment_name(option->get_lnames().front()));
  }
  for (CLI::App* command : app.get_subcommands({})) name_environment(*command);
}

// CLI11 prefers the file to the environment. So a key whose variable is set is removed from the file.
class FileBehindEnvironment : public CLI::ConfigTOML {
 public:
  std::vector<CLI::ConfigItem> from_config(std::istream& input) const override {
    std::vector<CLI::ConfigItem> found = CLI::ConfigTOML::from_config(input);
    std::erase_if(found, [](const CLI::ConfigItem& item) {
      const char* value = std::getenv(environment_name(item.name).c_str());
      return value != nullptr && *value != '\0';
    });
    return found;
  }
};

Result<std::chrono::milliseconds> parse_duration(const std::string& text) {
  const auto no_duration =
      fail(ErrorCode::bad_value, "'" + text + "' is not a valid duration: use 250ms, 3s, 2m, 1h or seconds");
  double amount = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), amount);
  if (error != std::errc() || !std::isfinite(amount) || amount < 0) return no_duration;
  const std::string unit(end, text.data() + text.size());
  double factor = 0;
  if (unit.empty() || unit == "s") factor = 1000;
  if (unit == "ms") factor = 1;
  if (unit == "m") factor = 60'000;
  if (unit == "h") factor = 3'600'000;
  if (factor == 0) return no_duration;
  if (amount * factor > static_cast<double>(kMaxDuration.count())) {
    const auto most = std::chrono::floor<std::chrono::seconds>(kMaxDuration).count();
    return fail(ErrorCode::bad_value, "'" + text + "' is too long: at most " + std::to_string(most) + "s (68 years)");
  }
  return std::chrono::milliseconds(std::llround(amount * factor));
}

std::chrono::milliseconds duration_or_throw(const std::string& name, const std::string& text) {
  const auto parsed = parse_duration(text);
  if (!parsed) throw CLI::ValidationError(name, parsed.error().message);
  return *parsed;
}

// CLI11's message for an unknown key begins with "INI was not able to parse".
std::string explained(const std::string& what) {
  constexpr std::string_view kUnknownKey = "INI was not able to parse ";
  if (what.rfind(kUnknownKey, 0) != 0) return what;
  return "the configuration file has an unknown key: " + what.substr(kUnknownKey.size());
}

}  // namespace

void add_standard_options(CLI::App& app, std::string& log_level) {
  app.config_formatter(std::make_shared<FileBehindEnvironment>());
  app.set_config("--config", "", "read options from a TOML file; keys are the long names")->configurable(false);
  app.allow_config_extras(CLI::config_extras_mode::error);
  app.add_flag("--print-config")->description("print the options in force as TOML and exit")->configurable(false);
  app.set_version_flag("--version", std::string(kVersion))->configurable(false);
  app.add_option("--log-level", log_level, "trace, debug, info, warn, error or off")
      ->check(CLI::IsMember({"trace", "debug", "info", "warn", "error", "off"}))
      ->capture_default_str();
}

std::string why_no_endpoint(const std::string& endpoint) {
  constexpr std::string_view kScheme = "tcp://";
  const std::string wanted = "'" + endpoint + "' is not a valid endpoint: use tcp://HOST:PORT, with a port up to 65535";
  const std::size_t colon = endpoint.rfind(':');
  if (!endpoint.starts_with(kScheme) || colon <= kScheme.size()) return wanted;
  const std::string port = endpoint.substr(colon + 1);
  if (port == "*") return {};
  std::uint16_t number = 0;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
  return error == std::errc() && end == port.data() + port.size() ? std::string() : wanted;
}

std::optional<int> parse(CLI::App& app, int argc, const char* const* argv) {
  take_closed_descriptors();
  name_environment(app);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    if (e.get_exit_code() == 0) return app.exit(e);
    std::cerr << app.get_name() << ": " << explained(e.what()) << "\nSee " << app.get_name() << " --help\n";
    return kExitUsage;
  }
  if (app.count("--print-config") > 0) {
    std::cout << app.config_to_str(true, true);
    return kExitOk;
  }
  return std::nullopt;
}

CLI::Option* add_duration(CLI::App& app, const std::string& name, std::chrono::milliseconds& value,
                          const std::string& help) {
  auto* option = app.add_option_function<std::string>(
      name, [&value, name](const std::string& text) { value = duration_or_throw(name, text); }, help);
  option->default_str(value.count() % 1000 == 0 ? std::to_string(value.count() / 1000) + "s"
                                                : std::to_string(value.count()) + "ms");
  option->type_name("DURATION");
  return option;
}

CLI::Option* add_duration(CLI::App& app, const std::string& name, std::optional<std::chrono::milliseconds>& value,
                          const std::string& help) {
  auto* option = app.add_option_function<std::string>(
      name, [&value, name](const std::string& text) { value = duration_or_throw(name, text); }, help);
  option->type_name("DURATION");
  return option;
}

}  // namespace zebu::cli
