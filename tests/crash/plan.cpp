#include "tests/crash/plan.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>
#include <fcntl.h>
#include <fstream>
#include <sstream>
#include <system_error>
#include <unistd.h>
#include <unordered_map>

namespace zebu::crash {
namespace {

using namespace std::chrono_literals;

// The last word of a whole line.
constexpr const char* kEnd = ".";
// The first one of a line about an attempt's end, where that of its begin has the job's id.
constexpr const char* kEnded = "ended";
constexpr std::array<const char*, 3> kHeard{"submitted", "accepted", "done"};

Kind kind_of(std::uint64_t number) {
  constexpr std::array kinds{Kind::flaky,    Kind::failing, Kind::early, Kind::late,
                             Kind::unwanted, Kind::limited, Kind::fresh};
  return number < kinds.size() ? kinds[number] : Kind::plain;
}

// Calls `each` with the words of every whole line.
template <class Each>
void for_each_line(const std::filesystem::path& file, Each each) {
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    if (!line.ends_with(std::string(" ") + kEnd)) continue;
    std::istringstream words(line.substr(0, line.size() - 2));
    each(words);
  }
}

std::optional<JobId> read_id(std::istream& words) {
  std::string text;
  words >> text;
  return JobId::parse(text);
}

std::string without_line_ends(std::string text) {
  for (char& c : text) {
    if (c == '\n' || c == '\r') c = '|';
  }
  return text;
}

}  // namespace

JobRequest PlannedJob::request() const {
  JobRequest request;
  request.task = "work";
  request.args = pack_args(micros, kind == Kind::failing ? 1000U : kind == Kind::flaky ? 1U : 0U);
  request.options.priority = static_cast<std::uint8_t>(priority);
  request.options.acks_early = kind == Kind::early;
  request.options.delay = std::chrono::milliseconds(delay_ms);
  // Longer than a round, shorter than a step of the clock.
  if (kind == Kind::limited) request.options.hard_limit = 10min;
  if (kind == Kind::fresh) request.options.expires_in = 10min;
  if (kind == Kind::flaky) request.options.retry = {.max = kRetriesOfFlaky, .delay = std::chrono::milliseconds(10)};
  return request;
}

std::vector<PlannedJob> make_plan(std::size_t count, std::mt19937_64& dice, std::uint32_t longest_us) {
  std::uniform_int_distribution<std::uint64_t> kinds(0, 49);  // each of the special ones is one in fifty
  std::uniform_int_distribution<std::uint32_t> priorities(0, kMaxPriority);
  std::uniform_int_distribution<std::uint32_t> micros(0, longest_us);
  std::uniform_int_distribution<std::uint32_t> delays(1, 600);
  std::vector<PlannedJob> plan(count);
  for (PlannedJob& job : plan) {
    job.id = Uuid::make();
    job.kind = kind_of(kinds(dice));
    job.priority = priorities(dice);
    job.micros = micros(dice);
    job.delay_ms = job.kind == Kind::late ? delays(dice) : 0;
  }
  return plan;
}

void write_plan(const std::filesystem::path& file, const std::vector<PlannedJob>& plan) {
  std::ofstream out(file);
  for (const PlannedJob& job : plan) {
    out << job.id.to_string() << ' ' << static_cast<int>(job.kind) << ' ' << job.priority << ' ' << job.micros << ' '
        << job.delay_ms << ' ' << kEnd << '\n';
  }
  if (!out.flush()) throw std::runtime_error("cannot write " + file.string());
}

std::vector<PlannedJob> read_plan(const std::filesystem::path& file) {
  std::vector<PlannedJob> plan;
  for_each_line(file, [&](std::istream& words) {
    PlannedJob job;
    int kind = 0;
    const auto id = read_id(words);
    if (!id || !(words >> kind >> job.priority >> job.micros >> job.delay_ms)) return;
    job.id = *id;
    job.kind = static_cast<Kind>(kind);
    plan.push_back(job);
  });
  return plan;
}

std::string outcome_text(const Outcome& outcome) {
  std::string text(to_string(outcome.state));
  if (outcome.state == JobState::succeeded) {
    text += " " + unpack_value<std::string>(outcome.result).value_or("with a result that is no text");
  }
  if (outcome.state == JobState::failed) text += " " + outcome.error.type + ": " + outcome.error.message;
  return without_line_ends(text);
}

std::vector<Heard> read_heard(const std::filesystem::path& file) {
  std::vector<Heard> all;
  for_each_line(file, [&](std::istream& words) {
    std::string what;
    words >> what;
    const auto place = std::find(kHeard.begin(), kHeard.end(), what);
    const auto id = read_id(words);
    if (!id || place == kHeard.end()) return;
    Heard heard{*id, static_cast<Heard::What>(place - kHeard.begin())};
    std::getline(words >> std::ws, heard.text);
    all.push_back(std::move(heard));
  });
  return all;
}

std::vector<Begun> read_begun(const std::filesystem::path& file) {
  std::vector<Begun> all;
  std::unordered_map<std::string, std::size_t> places;  // by mark
  for_each_line(file, [&](std::istream& words) {
    std::string first;
    words >> first;
    Begun begun;
    if (first == kEnded) {
      if (!(words >> begun.mark >> begun.nanoseconds) || !places.contains(begun.mark)) return;
      all[places[begun.mark]].end = begun.nanoseconds;
      return;
    }
    const auto id = JobId::parse(first);
    if (!id || !(words >> begun.attempt >> begun.is_to_fail >> begun.mark >> begun.nanoseconds)) return;
    begun.job = *id;
    places.emplace(begun.mark, all.size());
    all.push_back(std::move(begun));
  });
  return all;
}

std::int64_t nanoseconds_now() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

LineFile::LineFile(const std::filesystem::path& file)
    : descriptor_(::open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644)) {
  if (descriptor_ < 0) throw std::system_error(errno, std::generic_category(), "opening " + file.string());
  write("\n");
}

LineFile::~LineFile() { ::close(descriptor_); }

void LineFile::add(const Heard& heard) const {
  write(std::string(kHeard.at(static_cast<std::size_t>(heard.what))) + " " + heard.id.to_string() + " " + heard.text +
        " " + kEnd + "\n");
}

void LineFile::add(const Begun& begun) const {
  write(begun.job.to_string() + " " + std::to_string(begun.attempt) + " " + (begun.is_to_fail ? "1 " : "0 ") +
        begun.mark + " " + std::to_string(begun.nanoseconds) + " " + kEnd + "\n");
}

void LineFile::add_end(const std::string& mark) const {
  write(std::string(kEnded) + " " + mark + " " + std::to_string(nanoseconds_now()) + " " + kEnd + "\n");
}

void LineFile::write(const std::string& line) const {
  if (::write(descriptor_, line.data(), line.size()) != static_cast<ssize_t>(line.size())) {
    throw std::system_error(errno, std::generic_category(), "writing down a line");
  }
}

}  // namespace zebu::crash
