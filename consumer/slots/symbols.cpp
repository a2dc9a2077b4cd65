#include "consumer/slots/symbols.h"

#include "zebu/program/descriptor.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstring>
#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <string_view>
#include <vector>

namespace zebu::consumer {
namespace {

struct Function {
  std::uintptr_t start;
  std::uintptr_t size;
  std::string name;
};

// The executable of this process. It is trusted, but it may have been truncated or stripped since the start.
class ElfFile {
 public:
  explicit ElfFile(const char* path) {
    const Descriptor file(::open(path, O_RDONLY | O_CLOEXEC));
    struct stat status {};
    if (!file.is_open() || ::fstat(file.get(), &status) != 0) return;
    const auto size = static_cast<std::size_t>(status.st_size);
    void* at = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.get(), 0);
    if (at != MAP_FAILED) bytes_ = {static_cast<const char*>(at), size};
  }
  ~ElfFile() {
    if (!bytes_.empty()) ::munmap(const_cast<char*>(bytes_.data()), bytes_.size());
  }
  ElfFile(const ElfFile&) = delete;
  ElfFile& operator=(const ElfFile&) = delete;

  [[nodiscard]] std::vector<Function> functions() const {
    std::vector<Function> functions;
    const auto* header = at<ElfW(Ehdr)>(0);
    if (header == nullptr || std::memcmp(header->e_ident, ELFMAG, SELFMAG) != 0) return functions;
    for (std::size_t i = 0; i < header->e_shnum; ++i) {
      const auto* section = section_at(*header, i);
      if (section == nullptr || section->sh_type != SHT_SYMTAB) continue;
      const auto* names = section_at(*header, section->sh_link);
      if (names == nullptr) continue;
      for (std::size_t offset = 0; offset < section->sh_size; offset += sizeof(ElfW(Sym))) {
        const auto* symbol = at<ElfW(Sym)>(section->sh_offset + offset);
        if (symbol == nullptr || ELF64_ST_TYPE(symbol->st_info) != STT_FUNC || symbol->st_size == 0) continue;
        functions.push_back({symbol->st_value, symbol->st_size, text_at(names->sh_offset + symbol->st_name)});
      }
    }
    std::sort(functions.begin(), functions.end(), [](const auto& a, const auto& b) { return a.start < b.start; });
    return functions;
  }

 private:
  template <class T>
  [[nodiscard]] const T* at(std::size_t offset) const {
    if (offset > bytes_.size() || bytes_.size() - offset < sizeof(T)) return nullptr;
    return reinterpret_cast<const T*>(bytes_.data() + offset);
  }
  [[nodiscard]] const ElfW(Shdr) * section_at(const ElfW(Ehdr) & header, std::size_t index) const {
    return at<ElfW(Shdr)>(header.e_shoff + index * header.e_shentsize);
  }
  [[nodiscard]] std::string text_at(std::size_t offset) const {
    if (offset >= bytes_.size()) return {};
    const std::string_view rest = bytes_.substr(offset);
    return std::string(rest.substr(0, rest.find('\0')));
  }

  std::string_view bytes_;
};

}  // namespace

Symbol symbol_at(std::uintptr_t address) {
  // The tasks are in the program itself. For libraries the exported symbols are good enough.
  static const std::vector<Function> program = ElfFile("/proc/self/exe").functions();
  Dl_info info{};
  void* extra = nullptr;
  if (::dladdr1(reinterpret_cast<void*>(address), &info, &extra, RTLD_DL_LINKMAP) == 0) return {};
  const auto* map = static_cast<link_map*>(extra);
  Symbol symbol{info.dli_sname == nullptr ? "" : info.dli_sname, info.dli_fname == nullptr ? "" : info.dli_fname,
                address - map->l_addr};
  const bool is_program = map->l_name == nullptr || *map->l_name == '\0';
  if (!symbol.name.empty() || !is_program) return symbol;
  const auto after = std::upper_bound(program.begin(), program.end(), symbol.offset,
                                      [](std::uintptr_t at, const Function& f) { return at < f.start; });
  if (after != program.begin()) {
    const Function& found = *std::prev(after);
    if (symbol.offset - found.start < found.size) symbol.name = found.name;
  }
  return symbol;
}

}  // namespace zebu::consumer
