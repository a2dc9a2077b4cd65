#pragma once

#include "zebu/job.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace zebu {

// Writes one msgpack value, as ANSWER holds it, to the end of a string. Cheap to include: it does not know msgpack's
// headers. An array's elements follow by further calls, as many as were announced; a map is a MapWriter's.
class ValueWriter {
 public:
  explicit ValueWriter(std::string& to) : to_(&to) {}

  void array(std::size_t count);
  void number(std::uint64_t number);
  void real(double number);
  void boolean(bool value);
  void nil();
  void text(std::string_view text);
  void binary(Bytes bytes);
  // The map that DONE has for a failed job: type, message, trace, and the kind where it is not the usual one.
  void error(const TaskError& error);

  [[nodiscard]] std::string& target() const { return *to_; }

 private:
  std::string* to_;
};

// A map, of at most 65,535 entries, that counts them as they are written: map["key"].text("value"). It is complete when
// it is destroyed.
class MapWriter {
 public:
  explicit MapWriter(ValueWriter to);
  ~MapWriter();
  MapWriter(const MapWriter&) = delete;
  MapWriter& operator=(const MapWriter&) = delete;

  // Writes the key; the value is to be written next, with what is returned.
  [[nodiscard]] ValueWriter operator[](std::string_view key);

 private:
  ValueWriter to_;
  std::size_t start_;
  std::uint16_t count_ = 0;
};

}  // namespace zebu
