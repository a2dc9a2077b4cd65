#pragma once

#include <cstdint>

namespace zebu::broker {

// SQLite notices a damaged page only where the damage makes no sense; a flipped bit in a key or a payload would be
// believed. So the last bytes of each page in the file are a checksum (file_layer.h writes and compares them). The
// write-ahead log has checksums of its own.
//
//   page of kPageSize bytes: ┌ SQLite's content … ┬ checksum, kPageReserve bytes ┐
//
// The checksum is XXH3 with 128 bits (https://github.com/Cyan4973/xxHash) of the content, combined with the page's
// place: a page in the wrong place is damage too.
inline constexpr int kPageSize = 8192;
inline constexpr int kPageReserve = 16;  // SQLite's "reserved bytes" of a page, byte 20 of the file's header
// Zebu 0.1 had two running sums of 64-bit words, in which two flipped bits can cancel each other out.
inline constexpr int kOldPageReserve = 8;

enum class PageChecksum { none, sums, xxh3 };

// The first bytes of a SQLite file say how it is made (https://sqlite.org/fileformat.html): whether they are there, and
// which checksum such a file's pages have.
inline constexpr int kHeaderBytes = 24;
[[nodiscard]] bool is_header(const char* bytes);
[[nodiscard]] PageChecksum promised_checksum(const char* header);

// Writes the checksum of a page of kPageSize bytes into its last bytes; it is to be at `offset` of a file.
void add_checksum(PageChecksum kind, char* page, std::int64_t offset);
// Whether a page of kPageSize bytes at `offset` of a file has the checksum that it should have, or was never written.
[[nodiscard]] bool is_whole_page(PageChecksum kind, const char* page, std::int64_t offset);

}  // namespace zebu::broker
