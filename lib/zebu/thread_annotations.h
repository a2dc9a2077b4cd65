#pragma once

#include <condition_variable>
#include <mutex>

// Which mutex guards what, in a form that clang checks when it compiles (-Wthread-safety, preset fuzz). To other
// compilers it is nothing.
#if defined(__clang__)
#define ZEBU_THREADS(attribute) __attribute__((attribute))
#else
#define ZEBU_THREADS(attribute)
#endif

// Behind a member: only with this mutex locked.
#define ZEBU_GUARDED_BY(mutex) ZEBU_THREADS(guarded_by(mutex))
// Behind a function or a lambda's parameters: its caller has locked this mutex, and finds it locked afterwards.
#define ZEBU_REQUIRES(mutex) ZEBU_THREADS(requires_capability(mutex))

namespace zebu {

// std::mutex, whose users clang knows.
class ZEBU_THREADS(capability("mutex")) Mutex {
 public:
  void lock() ZEBU_THREADS(acquire_capability()) { mutex_.lock(); }
  void unlock() ZEBU_THREADS(release_capability()) { mutex_.unlock(); }

 private:
  friend class Lock;
  std::mutex mutex_;
};

// Holds a mutex until the end of its scope.
class ZEBU_THREADS(scoped_lockable) Lock {
 public:
  explicit Lock(Mutex& mutex) ZEBU_THREADS(acquire_capability(mutex)) : lock_(mutex.mutex_) {}
  ~Lock() ZEBU_THREADS(release_capability()) {}
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;

  void lock() ZEBU_THREADS(acquire_capability()) { lock_.lock(); }
  void unlock() ZEBU_THREADS(release_capability()) { lock_.unlock(); }

  // For a std::condition_variable. What it waits for is a lambda with ZEBU_REQUIRES.
  [[nodiscard]] std::unique_lock<std::mutex>& native() { return lock_; }

 private:
  std::unique_lock<std::mutex> lock_;
};

}  // namespace zebu
