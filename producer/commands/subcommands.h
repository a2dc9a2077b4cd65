#pragma once

#include "producer/options/producer_options.h"

// The subcommands, one file each. All return the exit code: 0, or 1 if a job failed or the broker did not answer, after
// reporting the error on stderr.
namespace zebu::producer {

// With --wait it dies of SIGINT and SIGTERM after it has said what becomes of the jobs. Call it before any other thread
// starts.
int run(const CommonOptions& common, const SubmitOptions& options);
int run(const CommonOptions& common, const WaitOptions& options);
int run(const CommonOptions& common, const StatusOptions& options);
int run(const CommonOptions& common, const CancelOptions& options);
// Dies of SIGINT and SIGTERM after it has ended its jobs. Call it before any other thread starts.
int run(const CommonOptions& common, const MapOptions& options);
int run(const CommonOptions& common, const ListOptions& options);
int run(const CommonOptions& common, const RetryOptions& options);
int run(const CommonOptions& common, const PurgeOptions& options);
int run(const CommonOptions& common, const PauseOptions& options);
int run(const CommonOptions& common, const ResumeOptions& options);
int run(const CommonOptions& common, const DrainOptions& options);
// Dies of SIGINT and SIGTERM after it has restored the terminal, and handles SIGWINCH. Call it before any other thread
// starts.
int run(const CommonOptions& common, const TopOptions& options);
int run(const CommonOptions& common, const QueuesOptions& options);
int run(const CommonOptions& common, const ConsumersOptions& options);
int run(const CommonOptions& common, const PingOptions& options);

}  // namespace zebu::producer
