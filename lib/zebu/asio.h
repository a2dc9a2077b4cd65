#pragma once

// Include this before any header of Boost.Asio. Version 1.74 (Debian 12) uses std::exchange without including it.
#include <utility>
