#include "consumer/slots/slot.h"

namespace zebu::consumer {

Job job_of(const message::Assignment& assignment, const Task* task) {
  return {{assignment.id, assignment.attempt},
          task,
          std::string(assignment.queue),
          std::string(assignment.args),
          {assignment.options.soft_limit, assignment.options.hard_limit},
          assignment.options.headers};
}

message::Assignment assignment_of(const Job& job) {
  message::Assignment assignment{job.id.job, job.id.attempt, job.task->name, job.queue, job.args, {}};
  assignment.options.soft_limit = job.limits.soft;
  assignment.options.hard_limit = job.limits.hard;
  assignment.options.headers = job.headers;
  return assignment;
}

message::ProgressReport report_of(const AttemptId& id, const Progress& progress) {
  return {id.job, id.attempt, progress.done, progress.note, progress.output};
}

}  // namespace zebu::consumer
