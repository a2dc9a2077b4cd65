#pragma once

namespace zebu::cli {

inline constexpr int kExitOk = 0;
inline constexpr int kExitFailure = 1;
inline constexpr int kExitUsage = 2;
inline constexpr int kExitIo = 74;  // EX_IOERR of sysexits.h

}  // namespace zebu::cli
