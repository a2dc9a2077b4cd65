#include "consumer/slots/slot.h"

#include "zebu/progress.h"

namespace zebu::consumer {

Job job_of(const message::Assignment& assignment, const Task* task) {
  return {{assignment.id, assignment.attempt},
          task,
          std::string(assignment.queue),
          std::string(assignment.args),
          {assignment.options.soft_limit, assignment.options.hard_limit},
          assignment.options.headers,
          std::string(assignment.kwargs),
          assignment.tries,
          assignment.options.retry.max};
}

message::Assignment assignment_of(const Job& job) {
  message::Assignment assignment{job.id.job, job.id.attempt, job.task->name, job.queue, job.args, {}};
  assignment.options.soft_limit = job.limits.soft;
  assignment.options.hard_limit = job.limits.hard;
  assignment.options.headers = job.headers;
  assignment.options.retry.max = job.retries;
  assignment.kwargs = job.kwargs;
  assignment.tries = job.tries;
  return assignment;
}

message::ProgressReport report_of(const AttemptId& id, const Progress& progress) {
  return {id.job, id.attempt, progress.done, progress.note, progress.output, progress.offset, progress.number};
}

ProgressUpdate update_of(const message::ProgressReport& report) {
  ProgressUpdate update{{report.id, report.attempt}, {}};
  append_at(update.progress, report.offset, report.number, report.done, report.note, report.output);
  return update;
}

}  // namespace zebu::consumer
