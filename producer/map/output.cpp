#include "producer/map/output.h"

#include "producer/connection/broker_connection.h"
#include "producer/map/line.h"
#include "producer/map/line_reader.h"
#include "producer/map/line_writer.h"
#include "producer/text/complain.h"

#include <sys/file.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <unistd.h>

namespace zebu::producer {
namespace {

// Room for an input line and a result of 16 MiB each, as JSON.
constexpr std::size_t kMaxOutputLine = 256U << 20;
// The file holds an id, or part of one after a crash.
constexpr std::uintmax_t kMaxRunFile = 64;
constexpr int kNever = -1;  // a stop descriptor that is never readable

tl::unexpected<Error> system_error(const std::string& what) {
  return fail(ErrorCode::system, what + ": " + std::generic_category().message(errno));
}

Result<Descriptor> open_descriptor(const std::string& name, int flags) {
  Descriptor file(name == "-" ? ::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0)
                              : ::open(name.c_str(), flags | O_CLOEXEC, 0666));
  if (!file.is_open()) return system_error("cannot open " + name);
  return file;
}

// Two maps that write the same file would run the same lines. A file system that cannot lock does not stop us.
Result<void> lock_file(const Descriptor& file, const std::string& name) {
  if (::flock(file.get(), LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK) return {};
  return fail(ErrorCode::bad_value, "another program is writing " + name);
}

// The length of the file's whole lines.
Result<off_t> end_of_lines(int file, off_t size) {
  std::array<char, 64 * 1024> block{};
  while (size > 0) {
    const off_t from = std::max<off_t>(0, size - static_cast<off_t>(block.size()));
    const ssize_t got = ::pread(file, block.data(), static_cast<std::size_t>(size - from), from);
    if (got != size - from) return system_error("reading it");
    const std::size_t newline = std::string_view(block.data(), static_cast<std::size_t>(got)).rfind('\n');
    if (newline != std::string_view::npos) return from + static_cast<off_t>(newline) + 1;
    size = from;
  }
  return 0;
}

// Calls `each` for each line before `end`, until it returns an error.
template <class Each>
Result<void> read_lines(int file, off_t end, Each each) {
  if (::lseek(file, 0, SEEK_SET) < 0) return system_error("reading it");
  LineReader reader(file, kNever, kMaxOutputLine);
  for (off_t at = 0; at < end;) {
    const auto line = reader.next();
    if (!line) return tl::make_unexpected(line.error());
    if (!*line) return {};
    const auto parsed = parse_output_line((*line)->text);
    if (!parsed) {
      return fail(ErrorCode::bad_value, "line " + std::to_string((*line)->number) + " was not written by map");
    }
    if (auto done = each((*line)->text, *parsed); !done) return done;
    at += static_cast<off_t>((*line)->bytes);
  }
  return {};
}

Result<void> read_done(MapOutput& output, off_t end) {
  const auto read = read_lines(output.file.get(), end, [&](const std::string&, const OutputLine& line) -> Result<void> {
    output.done.add(line.input_field);
    if (!line.has_succeeded) ++output.failed;
    return {};
  });
  output.done.settle();
  return read;
}

// A line that a killed map or a power cut left half written is not a result.
Result<void> cut_half_line(int file, off_t end, off_t size) {
  if (end == size) return {};
  std::array<char, 64> begin{};
  const ssize_t got = ::pread(file, begin.data(), begin.size(), end);
  if (got < 0) return system_error("reading it");
  if (!may_begin_output_line({begin.data(), static_cast<std::size_t>(got)}))
    return fail(ErrorCode::bad_value, "its last line is incomplete, and was not written by map");
  if (::ftruncate(file, end) != 0) return system_error("removing its incomplete last line");
  return {};
}

// Removes the file unless it was renamed.
class TemporaryFile {
 public:
  explicit TemporaryFile(std::string name) : name_(std::move(name)) {}
  ~TemporaryFile() {
    if (!name_.empty()) ::unlink(name_.c_str());
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  [[nodiscard]] const std::string& name() const { return name_; }
  Result<void> rename(const std::string& to) {
    if (::rename(name_.c_str(), to.c_str()) != 0) return system_error("renaming " + name_);
    name_.clear();
    return {};
  }

 private:
  std::string name_;
};

// Replaces the file by a copy without the lines that did not succeed.
Result<void> drop_failed(MapOutput& output, const std::string& name, off_t end) {
  std::string copy_name = name + ".XXXXXX";
  Descriptor copy(::mkostemp(copy_name.data(), O_CLOEXEC | O_APPEND));
  if (!copy.is_open()) return system_error("making " + copy_name);
  TemporaryFile temporary(copy_name);
  LineWriter writer(copy.get(), kNever);
  const auto keep = [&](const std::string& text, const OutputLine& line) -> Result<void> {
    if (!line.has_succeeded) return {};
    writer.add(text);
    return writer.is_full() ? writer.flush() : Result<void>();
  };
  auto written = read_lines(output.file.get(), end, keep);
  if (written) written = writer.flush();
  if (!written) return written;
  struct stat facts {};
  if (::fstat(output.file.get(), &facts) != 0 || ::fchmod(copy.get(), facts.st_mode) != 0 || ::fsync(copy.get()) != 0) {
    return system_error("writing " + temporary.name());
  }
  if (auto locked = lock_file(copy, name); !locked) return locked;
  if (auto renamed = temporary.rename(name); !renamed) return renamed;
  output.file = std::move(copy);
  return {};
}

std::optional<Uuid> read_run(const std::string& name) {
  std::ifstream in(name);
  std::string text;
  if (!std::getline(in, text)) return std::nullopt;
  return Uuid::parse(text);
}

// A failure to write it is not fatal: after a crash jobs may run again, but no result is lost.
void remember_run(MapOutput& output, const std::string& name) {
  std::ofstream out(name, std::ios::trunc);
  out << output.run.to_string() << '\n' << std::flush;
  if (out) {
    output.run_file = name;
  } else {
    complain("cannot write " + name + ": if this map is killed, --resume will run the jobs in flight again");
  }
}

// Reads the whole file before changing it, so that a file that map did not write stays unchanged.
Result<void> resume(MapOutput& output, const MapOptions& options, off_t size) {
  const auto end = end_of_lines(output.file.get(), size);
  if (!end) return tl::make_unexpected(end.error());
  if (auto read = read_done(output, *end); !read) return read;
  if (auto cut = cut_half_line(output.file.get(), *end, size); !cut || !options.retry_failed) return cut;
  if (output.failed == 0) return {};
  output.done = {};
  output.failed = 0;
  if (auto dropped = drop_failed(output, options.output, *end); !dropped) return dropped;
  struct stat facts {};
  if (::fstat(output.file.get(), &facts) != 0) return system_error("reading its size");
  return read_done(output, facts.st_size);
}

Result<void> prepare_file(MapOutput& output, const MapOptions& options, off_t size) {
  if (!options.resume && size > 0) {
    return fail(ErrorCode::bad_value, options.output + " has lines already: continue with --resume, or remove it");
  }
  if (auto locked = lock_file(output.file, options.output); !locked) return locked;
  const std::string run_file = options.output + ".run";
  std::error_code none;
  if (std::filesystem::file_size(run_file, none) > kMaxRunFile && !none) {
    return fail(ErrorCode::bad_value,
                run_file + " is in the way: map did not write it, but needs this name for the run's id");
  }
  if (options.resume) {
    if (auto ready = resume(output, options, size); !ready) {
      return fail(ready.error().code, "cannot resume " + options.output + ": " + ready.error().message);
    }
    // Jobs that failed must run again, and would not under their old ids.
    if (!options.retry_failed) output.run = read_run(run_file).value_or(output.run);
  }
  remember_run(output, run_file);
  return {};
}

}  // namespace

Result<MapOutput> open_map_output(const MapOptions& options) {
  MapOutput output;
  // --resume also reads the file, and appends because it may have truncated it.
  const int flags = options.resume ? O_RDWR | O_CREAT | O_APPEND : O_WRONLY | O_CREAT;
  auto file = open_descriptor(options.output, flags);
  if (!file) return tl::make_unexpected(file.error());
  output.file = std::move(*file);
  struct stat facts {};
  const bool is_file = options.output != "-" && ::fstat(output.file.get(), &facts) == 0 && S_ISREG(facts.st_mode);
  if (!is_file && options.resume) {
    return fail(ErrorCode::bad_value,
                "--resume: " + options.output + " is not a regular file, so it cannot be read again");
  }
  if (is_file) {
    if (auto ready = prepare_file(output, options, facts.st_size); !ready) return tl::make_unexpected(ready.error());
  }
  return output;
}

void forget_run(const MapOutput& output) {
  if (!output.run_file.empty()) ::unlink(output.run_file.c_str());
}

}  // namespace zebu::producer
