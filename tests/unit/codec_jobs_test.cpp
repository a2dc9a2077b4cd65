#include "tests/support/catch.h"
#include "tests/support/samples.h"
#include "zebu/wire/codec.h"
#include "zebu/wire/codec_writer.h"

#include <functional>

// What jobs, errors and progress have beside the plain fields, and the names that are reserved.
using namespace zebu;
using codec::Writer;
using zebu::test::id_of;

namespace {

using Write = std::function<void(Writer&)>;

// A SUBMIT of one job with these options.
std::string submit_with(std::size_t count, const Write& options) {
  std::string bytes;
  Writer w(bytes);
  w.array(3).type(message::Type::submit).boolean(true).array(1);
  w.array(5).id(id_of(1)).str("fib").str("default").bin("\x91\x1e").map(count);
  options(w);
  return bytes;
}

message::Submit decoded_submit(Decoder& decoder, const std::string& bytes) {
  return std::get<message::Submit>(decoder.decode(bytes).value());
}

// Why the job with this option is refused; it costs that job only.
std::string refusal(const std::string& key, const Write& value) {
  const std::string bytes = submit_with(1, [&](Writer& w) {
    w.str(key);
    value(w);
  });
  Decoder decoder;
  const auto submit = decoded_submit(decoder, bytes);
  REQUIRE(submit.bad.size() == 1);
  CHECK(submit.bad[0].id == id_of(1));
  return submit.bad[0].why;
}

std::string decoding_error(const std::string& bytes) {
  Decoder decoder;
  const auto decoded = decoder.decode(bytes);
  return decoded ? "none" : decoded.error().message;
}

message::Report report_with_causes(int count) {
  message::ErrorView error{"outermost", "why", {"f"}};
  message::ErrorView* last = &error;
  for (int i = 1; i <= count; ++i) {
    last->details.need().cause = message::ErrorView{"cause", "why", {"f"}};
    last = &*last->details->cause;
  }
  message::Report report{id_of(1), 1, JobState::failed, {}, {}, {}};
  report.error = error;
  return report;
}

int causes_of(const TaskError& error) { return error.cause() == nullptr ? 0 : 1 + causes_of(*error.cause()); }

}  // namespace

TEST_CASE("codec: keyword arguments are one map that nobody but the task looks into, and none if it is empty") {
  Decoder decoder;
  const std::string none = submit_with(1, [](Writer& w) { w.str("kwargs").bin("\x80"); });
  CHECK(decoded_submit(decoder, none).jobs.at(0).kwargs.empty());
  const std::string one = submit_with(1, [](Writer& w) { w.str("kwargs").bin("\x81\xa1n\xc1"); });
  CHECK(decoded_submit(decoder, one).jobs.at(0).kwargs == "\x81\xa1n\xc1");
  for (const Bytes other : {Bytes(), Bytes("\x90"), Bytes("\x01"), Bytes("\xa1x")}) {
    CHECK(refusal("kwargs", [&](Writer& w) { w.bin(other); }) == "kwargs must hold one msgpack map");
  }
  CHECK(refusal("kwargs", [](Writer& w) { w.map(0); }) == "kwargs must be binary");
  CHECK(refusal("private", [](Writer& w) { w.number(1); }) == "private must be a boolean");
}

TEST_CASE("codec: a plain job gains no byte by what it does not have") {
  const JobOptions options;
  std::string entry;
  append_entry(entry, JobView{id_of(1), "fib", "default", "\x91\x1e", options});
  CHECK(entry.size() == 1 + 18 + 4 + 8 + 4 + 1);
  Batch batch(message::Type::assign);
  const std::size_t before = batch.size();
  batch.add(AssignmentView{{id_of(1), "fib", "default", "\x91\x1e", options}, 1});
  CHECK(batch.size() - before == 1 + 18 + 1 + 4 + 8 + 4 + 1);
}

TEST_CASE("codec: an error has its causes, at most eight of them") {
  Decoder decoder;
  const auto read = [&](int causes) {
    const std::string entry = encode_entry(report_with_causes(causes));
    return causes_of(message::outcome_of(decoder.decode_report(entry).value()).error);
  };
  CHECK(read(0) == 0);
  CHECK(read(3) == 3);
  CHECK(read(kMaxCauses) == kMaxCauses);
  CHECK(read(kMaxCauses + 1) == kMaxCauses);
  const message::Message done = message::Done{{report_with_causes(kMaxCauses)}};
  const std::string bytes(encode(done).bytes());
  REQUIRE(decoder.decode(bytes));
  CHECK(decoding_error(std::string(encode(message::Done{{report_with_causes(40)}}).bytes()))
            .starts_with("not a msgpack message"));
}

TEST_CASE("codec: a cause and the time of a retry come back, and count in the wire size") {
  Outcome outcome = message::outcome_of(report_with_causes(kMaxCauses));
  outcome.error.details->retry_after = std::chrono::hours(24 * 365);
  const std::string entry = encode_entry(message::report_of(id_of(1), 1, outcome));
  CHECK(entry.size() <= wire_size(outcome));
  Decoder decoder;
  CHECK(message::outcome_of(decoder.decode_report(entry).value()) == outcome);
}

TEST_CASE("codec: texts of causes are mended like the error's own, and cut with it") {
  message::Report report = report_with_causes(1);
  const std::string ill(20'000, '\xff');
  report.error.details->cause->message = ill;
  const Outcome outcome = message::outcome_of(report);
  CHECK(outcome.error.message == "why");
  CHECK(outcome.error.cause()->message.size() <= 20'020);
  CHECK(outcome.error.cause()->message.starts_with("\ufffd\ufffd"));
}

TEST_CASE("codec: the options that are reserved are refused as such") {
  for (const char* key : {"key", "weight", "needs", "after", "principal"}) {
    CHECK(refusal(key, [](Writer& w) { w.str("x"); }) ==
          "the job option '" + std::string(key) + "' is reserved: this version does not take it");
  }
}

TEST_CASE("codec: the reserved facts, params, state and element are refused as such") {
  const auto hello = [](const char* fact) {
    std::string bytes;
    Writer w(bytes);
    w.array(7).type(message::Type::hello).number(message::kMajor).number(0).str("client").str("c").id(id_of(1));
    w.map(1).str(fact).number(1);
    return decoding_error(bytes);
  };
  CHECK(hello("epoch") == "the fact 'epoch' is reserved: this version does not take it");
  CHECK(hello("principal") == "the fact 'principal' is reserved: this version does not take it");
  CHECK(hello("color") == "none");

  const auto query = [](const char* param, const char* value) {
    std::string bytes;
    Writer w(bytes);
    w.array(4).type(message::Type::query).number(7).str("list").map(1).str(param).str(value);
    Decoder decoder;
    return std::get<message::Query>(decoder.decode(bytes).value()).bad.value_or("none");
  };
  CHECK(query("principal", "ox") == "the param 'principal' is reserved: this version does not take it");
  CHECK(query("state", "waiting") == "the state 'waiting' is reserved: this version has no such jobs");
  CHECK(query("state", "running") == "none");

  const auto outcome = [](const Write& jobs) {
    std::string bytes;
    Writer w(bytes);
    w.array(3).type(message::Type::outcome).number(1).array(1);
    w.array(6).id(id_of(1)).number(2).str("succeeded").bin("\x08").number(5);
    jobs(w);
    Decoder decoder;
    const auto report = std::get<message::OutcomeReport>(decoder.decode(bytes).value());
    if (report.bad.empty()) return std::string("none");
    CHECK(report.bad[0].id == id_of(1));
    CHECK(report.bad[0].attempt == 2);
    return report.bad[0].why;
  };
  CHECK(outcome([](Writer& w) { w.nil(); }) == "none");
  CHECK(outcome([](Writer& w) { w.array(0); }) == "jobs in an outcome are reserved: this version does not take them");
}

TEST_CASE("codec: features are names, at most 64") {
  message::Hello hello;
  hello.name = "c";
  hello.instance = id_of(1);
  hello.features.assign(64, "parts");
  CHECK(decoding_error(std::string(encode(hello).bytes())) == "none");
  hello.features.assign(65, "parts");
  CHECK(decoding_error(std::string(encode(hello).bytes())) == "features must be a list of at most 64");
  hello.features = {"two words"};
  CHECK(decoding_error(std::string(encode(hello).bytes())).starts_with("a feature must have 1 to 128 bytes"));
}

TEST_CASE("codec: an offset that no output can have is refused") {
  message::ProgressReports reports{{{id_of(1), 1, 0.5, "", "x", std::uint64_t{1} << 62, 1}}};
  Decoder decoder;
  const std::string most(encode(reports).bytes());
  CHECK(std::get<message::ProgressReports>(decoder.decode(most).value()).bad.empty());
  ++reports.jobs[0].offset;
  const std::string more(encode(reports).bytes());
  CHECK(std::get<message::ProgressReports>(decoder.decode(more).value()).bad.size() == 1);
}
