#include "http/prefer.h"
#include "http/request_reader.h"
#include "webfront/json.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

// A connection's bytes, in pieces of a size that the first byte chooses, through everything that reads them: the HTTP
// parser, the target, the preferences and the job in the body.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace zebu::http;
  if (size == 0) return 0;
  const std::size_t piece = 1 + data[0] % 64U * 16U;
  RequestReader reader(8192, 65536);
  for (std::size_t at = 1; at < size;) {
    const auto room = reader.room();
    const std::size_t count = std::min({piece, size - at, room.size()});
    if (count == 0) return 0;
    std::memcpy(room.data(), data + at, count);
    reader.commit(count);
    at += count;
    for (auto step = reader.step(); step != RequestReader::Step::need_more; step = reader.step()) {
      if (step == RequestReader::Step::refused) return 0;
      Request request;
      reader.fill(request);
      if (request.target.parse(reader.target())) static_cast<void>(request.target.parameter("id"));
      static_cast<void>(preferred_wait(request.prefer));
      static_cast<void>(zebu::webfront::json::parse_job(request.body));
      reader.begin();
    }
  }
  return 0;
}
