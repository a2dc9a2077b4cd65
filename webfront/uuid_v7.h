#pragma once

#include "zebu/ids.h"

namespace zebu::webfront {

// Whether a client may give a job this id: an id of another version names no time, or another's namespace (RFC 9562).
[[nodiscard]] inline bool is_uuid_v7(const Uuid& id) { return id.bytes[6] >> 4U == 7 && id.bytes[8] >> 6U == 2; }

}  // namespace zebu::webfront
