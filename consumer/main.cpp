#include "consumer/tasks/builtin_tasks.h"
#include "zebu/consumer.h"

int main(int argc, char** argv) {
  zebu::Registry tasks;
  zebu::consumer::add_fib(tasks);
  zebu::consumer::add_factorials(tasks);
  zebu::consumer::add_simple_tasks(tasks);
  zebu::Registry test_tasks;
  zebu::consumer::add_test_tasks(test_tasks);
  return zebu::run_consumer(argc, argv, tasks, &test_tasks);
}
