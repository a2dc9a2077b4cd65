#include "webfront/token_command.h"

#include "webfront/tokens.h"
#include "zebu/program/descriptor.h"
#include "zebu/program/exit_codes.h"

#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <filesystem>
#include <system_error>
#include <unistd.h>

namespace zebu::webfront {
namespace {

int failed(const std::string& why) {
  std::fprintf(stderr, "zebu-webfront: %s\n", why.c_str());
  return cli::kExitFailure;
}

// In one write: another one may add a token at the same time.
bool append(const std::string& file, const std::string& text) {
  const Descriptor to(::open(file.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644));
  return to.is_open() && ::write(to.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
         ::fsync(to.get()) == 0;
}

}  // namespace

int make_token_for(const TokenOptions& options, const std::string& file) {
  if (std::filesystem::exists(file)) {
    const auto tokens = Tokens::load(file);
    if (!tokens) return failed(tokens.error().message);
    if (tokens->has(options.name)) {
      return failed("there is a token of '" + options.name + "' in " + file +
                    ": take another name, or remove its table first");
    }
  }
  Principal principal{options.name, options.rights, std::nullopt};
  if (options.expires) principal.expires = Moment::now().wall + *options.expires;
  const std::string token = make_token();
  if (!append(file, table_of(principal, token) + "\n"))
    return failed("cannot write to " + file + ": " + std::generic_category().message(errno));
  std::printf("%s\n", token.c_str());
  return std::fflush(stdout) == 0 ? cli::kExitOk : failed("cannot print the token");
}

}  // namespace zebu::webfront
