#pragma once

#include "broker/store/store.h"

#include <memory>
#include <string>

namespace zebu::broker {

// "sqlite:/var/lib/zebu/zebu.db" as root, else below $XDG_STATE_HOME, or ~/.local/state.
[[nodiscard]] std::string default_store();

// The path behind "sqlite:"; unset when `store` does not begin with that, or the path is empty.
[[nodiscard]] std::optional<std::string> sqlite_path(const std::string& store);

// Whether `store` is "sqlite:PATH" or "memory".
[[nodiscard]] bool is_store(const std::string& store);

// The store of such a name, for a broker. Makes the directory of the default one. reserve: bytes that it keeps free on
// its volume; unset: as many as are usual.
[[nodiscard]] Result<std::unique_ptr<Store>> open_store(const std::string& store,
                                                        std::optional<std::uint64_t> reserve = {});

}  // namespace zebu::broker
