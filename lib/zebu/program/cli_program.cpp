#include "zebu/program/cli_layers.h"
#include "zebu/program/cli_mistakes.h"
#include "zebu/program/cli_pages.h"
#include "zebu/program/commit.h"
#include "zebu/version.h"

#include <CLI/CLI.hpp>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <iostream>

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

// "zebu-broker 0.1.0 (commit 4d474cf72c1b, protocol 2.0, store format 8)"
std::string version_text(const std::string& program, const std::string& notes) {
  const std::string commit = built_from();
  std::string more = commit.empty() ? "" : "commit " + commit;
  more += (more.empty() || notes.empty() ? "" : ", ") + notes;
  return program + ' ' + std::string(kVersion) + (more.empty() ? "" : " (" + more + ")");
}

// --help, --version, --page: what is printed in place of running.
int print_and_exit(const CLI::ParseError& e, const CLI::App& app, const Registry& registry) {
  if (e.get_name() == "CallForVersion") {
    std::cout << version_text(app.get_name(), registry.version_notes) << '\n';
    return kExitOk;
  }
  return app.exit(e);
}

int print_page(const CLI::App& app, const Registry& registry, const std::string& kind) {
  const HelpPage page = page_of(app, registry);
  std::cout << (kind == "man" ? manual_page(page, std::string(kVersion)) : bash_completion(page));
  return kExitOk;
}

bool warns(const std::string& level) { return level != "error" && level != "off"; }

}  // namespace

Program::Program(const std::string& about, const std::string& name, std::string& log_level)
    : Program(std::make_unique<CLI::App>(about, name), std::make_unique<Registry>(), log_level) {}

Program::Program(std::unique_ptr<CLI::App> app, std::unique_ptr<Registry> registry, std::string& log_level)
    : Command(*app, *registry), owned_registry_(std::move(registry)), app_(std::move(app)) {
  app_->formatter(std::make_shared<HelpFormatter>(*registry_));
  app_->get_help_ptr()->description("print this text and exit");
  // CLI11 opens what this option names, by default nothing, and calls Layers in any case.
  app_->config_formatter(std::make_shared<Layers>(*app_, *registry_));
  CLI::Option* config =
      app_->set_config("--config", kNoConfigFile, "read options from this TOML file")->configurable(false);
  OptionTraits file;
  file.value_name = "FILE";
  file.completes = Completes::files;
  add(*app_->add_flag("--no-config")->description("read no configuration file")->configurable(false), {});
  add(*config, std::move(file));
  add(*app_->add_flag("--print-config")
           ->description("print the options in force as TOML and exit")
           ->configurable(false),
      {});
  add(*app_->set_version_flag("--version", std::string(kVersion), "print the version and exit")->configurable(false),
      {});
  // The build makes the manual pages and completions with it.
  add(*app_->add_option("--print-page")->check(CLI::IsMember({"man", "bash"}))->configurable(false)->group(""), {});
  option("--log-level", log_level, "trace, debug, info, warn, error or off")
      .one_of({"trace", "debug", "info", "warn", "error", "off"})
      .type_name("LEVEL")
      .shows_default();
}

Program::~Program() = default;

void Program::log_format(std::string& format) {
  option("--log-format", format, "text for people, or json: one object per line")
      .one_of({"text", "json"})
      .shows_default();
}

void Program::check(Check check) {
  on_chosen([] {}, std::move(check));
}

void Program::require_command() { registry_->commands[app_.get()].needs_command = true; }
void Program::version_note(const std::string& text) { registry_->version_notes = text; }

void Program::others_options(const std::vector<std::string>& names) {
  for (const std::string& name : names) registry_->others_variables.insert(variable_of(name));
}

std::optional<int> Program::parse(int argc, const char* const* argv) {
  take_closed_descriptors();
  const std::vector<std::string> words(argv + std::min(argc, 1), argv + argc);
  std::vector<std::string> hidden_words;
  for (const std::string& word : words) hidden_words.push_back(hidden(word));
  std::reverse(hidden_words.begin(), hidden_words.end());  // as CLI11 wants them
  const auto layers = std::dynamic_pointer_cast<Layers>(app_->get_config_formatter());
  const auto refuse = [&](const std::string& what, const std::string& help) {
    std::cerr << app_->get_name() << ": " << what << (help.empty() ? "" : "\nSee " + help) << '\n';
    return kExitUsage;
  };
  try {
    app_->parse(hidden_words);
  } catch (const CLI::ParseError& e) {
    if (e.get_exit_code() == 0) return print_and_exit(e, *app_, *registry_);
    if (!layers->error().empty()) return refuse(layers->error(), "");
    const Mistake mistake = explained(e, *app_, words);
    return refuse(mistake.what, mistake.help);
  }
  if (app_->count("--print-page") > 0)
    return print_page(*app_, *registry_, app_->get_option("--print-page")->as<std::string>());
  if (app_->count("--config") > 0 && app_->get_config_ptr()->as<std::string>().empty())
    return refuse("--config needs the name of a file; --no-config reads none", app_->get_name() + " --help");
  if (!layers->error().empty()) return refuse(layers->error(), "");
  const auto given = app_->get_subcommands();
  const std::string level = app_->count("--log-level") > 0
                                ? app_->get_option("--log-level")->as<std::string>()
                                : registry_->options.at(app_->get_option("--log-level")).default_text;
  for (const std::string& doubt : doubtful_variables(*app_, given.empty() ? nullptr : given.front(), *registry_)) {
    if (warns(level)) std::cerr << app_->get_name() << ": warning: " << doubt << '\n';
  }
  if (app_->count("--print-config") > 0) {
    std::cout << config_text(*app_, *registry_, layers->source());
    return kExitOk;
  }
  if (given.empty() && registry_->commands[app_.get()].needs_command) return std::cerr << help(), kExitUsage;
  return std::nullopt;
}

std::string Program::help() const { return app_->help(); }

}  // namespace zebu::cli
