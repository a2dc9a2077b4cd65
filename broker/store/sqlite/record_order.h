#pragma once

#include "broker/records/records.h"

#include <type_traits>

namespace zebu::broker {

// Which rows that wait for the end of a commit (JobRows) must be in the tables before a record is applied. Each type of
// record has its line here; a new one does not compile until it has.
enum class Needs { nothing, rows_of_its_job, all_rows };

constexpr Needs needs(std::type_identity<JobAccepted>) { return Needs::nothing; }
constexpr Needs needs(std::type_identity<JobEvicted>) { return Needs::rows_of_its_job; }
constexpr Needs needs(std::type_identity<AttemptStarted>) { return Needs::rows_of_its_job; }
constexpr Needs needs(std::type_identity<JobPutBack>) { return Needs::rows_of_its_job; }
constexpr Needs needs(std::type_identity<JobRescheduled>) { return Needs::rows_of_its_job; }
constexpr Needs needs(std::type_identity<JobDue>) { return Needs::rows_of_its_job; }
constexpr Needs needs(std::type_identity<JobFinished>) { return Needs::rows_of_its_job; }
// Of a finished job, which may be one of this commit and has no sequence here.
constexpr Needs needs(std::type_identity<JobForgotten>) { return Needs::all_rows; }
constexpr Needs needs(std::type_identity<QueueChanged>) { return Needs::nothing; }
constexpr Needs needs(std::type_identity<ConsumerChanged>) { return Needs::nothing; }
// Of a table of its own.
constexpr Needs needs(std::type_identity<ValuePiece>) { return Needs::nothing; }
constexpr Needs needs(std::type_identity<ValueClosed>) { return Needs::nothing; }
constexpr Needs needs(std::type_identity<ClockChanged>) { return Needs::nothing; }

}  // namespace zebu::broker
