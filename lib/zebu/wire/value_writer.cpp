#include "zebu/wire/value_writer.h"

#include "zebu/wire/codec_writer.h"

namespace zebu {

using codec::Writer;

void ValueWriter::array(std::size_t count) { Writer(*to_).array(count); }
void ValueWriter::number(std::uint64_t number) { Writer(*to_).number(number); }
void ValueWriter::real(double number) { Writer(*to_).real(number); }
void ValueWriter::boolean(bool value) { Writer(*to_).boolean(value); }
void ValueWriter::nil() { Writer(*to_).nil(); }
void ValueWriter::text(std::string_view text) { Writer(*to_).str(text); }
void ValueWriter::binary(Bytes bytes) { Writer(*to_).bin(bytes); }
void ValueWriter::error(const TaskError& error) {
  Writer w(*to_);
  codec::write_error(w, error);
}

namespace {

// map 16: 0xde, then the number of entries, big-endian.
constexpr std::size_t kHeader = 3;

}  // namespace

MapWriter::MapWriter(ValueWriter to) : to_(to), start_(to.target().size()) { to_.target().append(kHeader, '\xde'); }

MapWriter::~MapWriter() {
  std::string& bytes = to_.target();
  bytes[start_ + 1] = static_cast<char>(count_ >> 8);
  bytes[start_ + 2] = static_cast<char>(count_ & 0xff);
}

ValueWriter MapWriter::operator[](std::string_view key) {
  ++count_;
  to_.text(key);
  return to_;
}

}  // namespace zebu
