#include "producer/map/fingerprint.h"

#include <boost/uuid/name_generator_sha1.hpp>

#include <algorithm>

namespace zebu::producer {

Fingerprint fingerprint_of(std::string_view text) {
  const boost::uuids::name_generator_sha1 generate{boost::uuids::uuid()};
  const boost::uuids::uuid name = generate(text.data(), text.size());
  Fingerprint fingerprint;
  std::copy(name.begin(), name.end(), fingerprint.begin());
  return fingerprint;
}

}  // namespace zebu::producer
