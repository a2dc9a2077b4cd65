// Catch2 2 has no library to link its main from.
#define CATCH_CONFIG_MAIN
#include <catch2/catch.hpp>
