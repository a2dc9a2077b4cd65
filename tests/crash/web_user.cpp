#include "tests/crash/web_user.h"

#include "tests/support/eventually.h"
#include "tests/support/http.h"

#include <nlohmann/json.hpp>

#include <stdexcept>

namespace zebu::crash {
namespace {

using namespace std::chrono_literals;
using Json = nlohmann::json;

// Longer than any pause of a round, so that a request mostly has an answer, be it that the broker is away.
constexpr auto kLimit = 15s;

}  // namespace

WebUser::WebUser(std::uint16_t port, const std::filesystem::path& heard) : port_(port), heard_(heard) {
  thread_ = std::thread([this] { run(); });
}

WebUser::~WebUser() {
  is_stopped_ = true;
  if (thread_.joinable()) thread_.join();
}

void WebUser::run() {
  while (!is_stopped_) static_cast<void>(submit());
}

bool WebUser::submit() try {
  const std::string body = R"({"task":"work","args":[20000,0]})";
  const auto reply = test::http(port_,
                                {.method = "POST",
                                 .target = "/v1/jobs",
                                 .headers = {{"Content-Type", "application/json"}, {"Prefer", "wait=1"}},
                                 .body = body},
                                kLimit);
  if (reply.status != 200 && reply.status != 202) return false;
  const std::string id = Json::parse(reply.body)["id"];
  heard_.add(Heard{JobId::parse(id).value(), Heard::What::accepted});
  if (reply.status == 200) {
    hear(reply.body);
  } else {
    open_.push_back(id);
  }
  return true;
} catch (const std::exception&) {
  return false;  // the front end stands still; nobody knows whether it has taken the job
}

void WebUser::hear(const std::string& json) {
  const Json job = Json::parse(json);
  const JobId id = JobId::parse(job["id"].get<std::string>()).value();
  std::string text = job["state"];
  if (job.contains("result")) text += " " + job["result"].get<std::string>();
  if (job.contains("error")) text += " " + job["error"]["type"].get<std::string>();
  heard_.add(Heard{id, Heard::What::outcome, text});
}

void WebUser::finish() {
  is_stopped_ = true;
  thread_.join();
  if (!test::eventually([this] { return submit(); }, kLimit)) {
    throw std::runtime_error("the front end does not come back");
  }
  for (const std::string& id : open_) {
    if (!test::eventually([&] { return has_outcome(id); }, kLimit)) {
      throw std::runtime_error("the front end tells no outcome of job " + id);
    }
  }
}

bool WebUser::has_outcome(const std::string& id) {
  const auto reply = test::http_get(port_, "/v1/jobs/" + id + "?wait=10", kLimit);
  if (reply.status != 200) return false;
  const Json job = Json::parse(reply.body);
  if (job["state"] != "succeeded" && job["state"] != "failed") return false;
  hear(reply.body);
  return true;
}

}  // namespace zebu::crash
