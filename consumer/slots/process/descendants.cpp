#include "consumer/slots/process/descendants.h"

#include <sys/syscall.h>

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

// open(), read() and arithmetic only: a signal handler may allocate nothing and take no lock.
namespace zebu::consumer {
namespace {

// A tree may be deeper. What lies below is found as soon as what lies above has died.
constexpr int kMaxDepth = 24;

class Path {
 public:
  Path& add(const char* text) {
    while (*text != '\0' && size_ + 1 < sizeof text_) text_[size_++] = *text++;
    text_[size_] = '\0';
    return *this;
  }
  Path& add(pid_t number) {
    char digits[16];
    std::size_t at = sizeof digits;
    digits[--at] = '\0';
    do {
      digits[--at] = static_cast<char>('0' + number % 10);
      number /= 10;
    } while (number > 0);
    return add(digits + at);
  }
  [[nodiscard]] int open(int flags) const { return ::open(text_, flags | O_RDONLY | O_CLOEXEC); }

 private:
  char text_[96] = "";
  std::size_t size_ = 0;
};

// linux_dirent64 of getdents64(2).
struct DirectoryEntry {
  std::uint64_t inode;
  std::int64_t offset;
  std::uint16_t size;
  std::uint8_t type;
  char name[1];
};

// 0 if the text is not a number.
pid_t number_of(const char* text) {
  pid_t number = 0;
  for (; *text >= '0' && *text <= '9'; ++text) number = number * 10 + (*text - '0');
  return *text == '\0' ? number : 0;
}

void visit_children_of_thread(pid_t process, pid_t thread, void (*visit)(pid_t, void*), void* context) {
  const int file = Path().add("/proc/").add(process).add("/task/").add(thread).add("/children").open(0);
  if (file < 0) return;
  pid_t child = 0;
  char bytes[512];
  for (ssize_t count = 0; (count = ::read(file, bytes, sizeof bytes)) > 0;) {
    for (ssize_t i = 0; i < count; ++i) {
      if (bytes[i] >= '0' && bytes[i] <= '9') {
        child = child * 10 + (bytes[i] - '0');
      } else {
        if (child > 0) visit(child, context);
        child = 0;
      }
    }
  }
  ::close(file);
  if (child > 0) visit(child, context);
}

void kill_below(pid_t root, int depth) {
  if (depth < kMaxDepth) {
    for_each_child(root, [depth](pid_t child) { kill_below(child, depth + 1); });
  }
  ::kill(root, SIGKILL);
}

}  // namespace

void visit_children(pid_t of, void (*visit)(pid_t child, void* context), void* context) {
  const int threads = Path().add("/proc/").add(of).add("/task").open(O_DIRECTORY);
  if (threads < 0) return;
  alignas(DirectoryEntry) char entries[1024];
  for (long count = 0; (count = ::syscall(SYS_getdents64, threads, entries, sizeof entries)) > 0;) {
    for (long at = 0; at < count;) {
      const auto* entry = reinterpret_cast<const DirectoryEntry*>(entries + at);
      at += entry->size;
      if (const pid_t thread = number_of(entry->name); thread > 0) visit_children_of_thread(of, thread, visit, context);
    }
  }
  ::close(threads);
}

void kill_tree(pid_t root) { kill_below(root, 0); }

}  // namespace zebu::consumer
