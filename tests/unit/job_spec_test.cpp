#include "broker/records/job_spec.h"

#include "tests/support/catch.h"

namespace zebu::broker {

TEST_CASE("an error of an attempt that another one follows keeps what a commit may have") {
  TaskError error{"E", "no luck", {std::string(200U << 10, 't')}, ErrorKind::crash};
  const TaskError before = error;
  shorten(error);
  CHECK(error == before);
  error.message = std::string(50'000, 'm') + std::string(50'000, '\xff');
  shorten(error);
  CHECK(error.type == "E");
  CHECK(error.kind == ErrorKind::crash);
  CHECK(error.message.size() <= 64U << 10);
  CHECK(error.message.starts_with(std::string(50'000, 'm')));
  CHECK(error.trace.empty());
  error.details.need().cause = TaskError{"Cause", std::string(300U << 10, 'c'), {}, ErrorKind::failure};
  shorten(error);
  CHECK(error.cause() == nullptr);
}

}  // namespace zebu::broker
