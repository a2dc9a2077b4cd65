#include "broker/server/metrics.h"
#include "consumer/metrics.h"
#include "scrape/process_metrics.h"
#include "tests/support/catch.h"
#include "tests/support/document.h"
#include "webfront/metrics.h"

#include <regex>
#include <set>

using zebu::metrics::Row;
using zebu::test::read_document;
using zebu::test::table_rows;

namespace {

void check_table(const std::string& owner, std::span<const Row> metrics) {
  INFO(owner);
  const auto rows = table_rows("docs/operations.md", "metric of " + owner);
  REQUIRE(rows.size() == metrics.size() + 1);
  for (std::size_t i = 0; i < metrics.size(); ++i) {
    INFO(metrics[i].name);
    CHECK(rows[i + 1][0] == metrics[i].name);
    CHECK(rows[i + 1][1] == metrics[i].type);
    CHECK(rows[i + 1][2] == metrics[i].labels);
    CHECK(rows[i + 1][3] == metrics[i].help);
  }
}

std::vector<Row> all_rows() {
  std::vector<Row> all;
  for (const auto& table : {zebu::broker::all_metrics(), zebu::consumer::all_metrics(), zebu::webfront::all_metrics(),
                            zebu::scrape::ProcessMetrics::all()}) {
    all.insert(all.end(), table.begin(), table.end());
  }
  return all;
}

}  // namespace

TEST_CASE("docs/operations.md has every metric of every program, and no other") {
  check_table("zebu-broker", zebu::broker::all_metrics());
  check_table("zebu-consumer", zebu::consumer::all_metrics());
  check_table("zebu-webfront", zebu::webfront::all_metrics());
  check_table("every program with --metrics", zebu::scrape::ProcessMetrics::all());
}

TEST_CASE("metrics have the names that Prometheus asks for") {
  static const std::regex name("(zebu|process)_[a-z_]+");
  for (const Row& row : all_rows()) {
    INFO(row.name);
    CHECK(std::regex_match(std::string(row.name), name));
    CHECK(row.name.ends_with("_total") == (row.type == "counter"));
    if (row.type == "histogram") CHECK(row.name.ends_with("_seconds"));
    CHECK_FALSE(row.help.empty());
    CHECK(row.help.find_first_of("\\\n|") == std::string_view::npos);
  }
}

TEST_CASE("the examples of deploy/ name metrics that there are") {
  std::set<std::string> known = {"up"};
  for (const Row& row : all_rows()) {
    known.emplace(row.name);
    if (row.type != "histogram") continue;
    for (const char* part : {"_bucket", "_sum", "_count"}) known.insert(std::string(row.name) + part);
  }
  static const std::regex used("\\b((zebu|process)_[a-z_]+)\\b(?!: )");
  std::set<std::string> named;
  for (const char* file : {"deploy/alerts.yaml", "deploy/keda-prometheus.yaml"}) {
    const std::string text = read_document(file);
    for (std::sregex_iterator at(text.begin(), text.end(), used), end; at != end; ++at) {
      INFO(file << ": " << (*at)[1]);
      CHECK(known.contains((*at)[1]));
      named.insert((*at)[1]);
    }
  }
  CHECK(named.size() > 10);
}
