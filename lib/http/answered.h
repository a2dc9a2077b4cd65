#pragma once

#include "zebu/job.h"

namespace zebu::http {

struct Route;

// A response that a server has made, for those who count them.
struct Answered {
  const Route* route;  // nullptr: no route has it, or the request could not be read
  unsigned status;
  TimePoint::duration took;  // since the request had come; of an endless response until it began; without a route 0
};

}  // namespace zebu::http
