#pragma once

#include "producer/options/producer_options.h"
#include "producer/text/interrupt.h"
#include "zebu/client.h"

namespace zebu::producer {

// `submit --wait`: submits and waits. Both end the program at Ctrl-C, and say before what becomes of the jobs. Return
// the exit code.
int submit_and_wait(Client& client, const CommonOptions& common, const SubmitOptions& options, JobRequest request,
                    Interrupt& interrupt);
int submit_many_and_wait(Client& client, const CommonOptions& common, const SubmitOptions& options,
                         const JobRequest& request, Interrupt& interrupt);

}  // namespace zebu::producer
