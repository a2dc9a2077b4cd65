#pragma once

#include "broker/engine/jobs/session_id.h"
#include "zebu/job.h"

namespace zebu::broker {

// A consumer says that it holds this attempt.
struct Claim {
  SessionId session;
  AttemptId run;
};

}  // namespace zebu::broker
