# What scripts/dependencies installs, all of it from Debian.
find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(ZMQ REQUIRED IMPORTED_TARGET libzmq>=4.3.4)
pkg_check_modules(XXHASH REQUIRED IMPORTED_TARGET libxxhash)
pkg_check_modules(JEMALLOC REQUIRED IMPORTED_TARGET jemalloc)
pkg_check_modules(SODIUM REQUIRED IMPORTED_TARGET libsodium)
pkg_check_modules(UTF8PROC REQUIRED IMPORTED_TARGET libutf8proc)
# CONFIG: CMake 3.30 has no module of its own for it any more.
find_package(Boost 1.74 CONFIG REQUIRED)
find_package(CLI11 REQUIRED)
find_package(nlohmann_json 3.9 REQUIRED)
find_package(spdlog REQUIRED)
find_package(SQLite3 REQUIRED)
find_package(SQLiteCpp REQUIRED)

find_path(ZEBU_EXPECTED_INCLUDE tl/expected.hpp REQUIRED)
find_path(ZEBU_MSGPACK_INCLUDE msgpack.hpp REQUIRED)
find_path(ZEBU_CPPZMQ_INCLUDE zmq.hpp REQUIRED)
find_path(ZEBU_TOML_INCLUDE toml++/toml.h REQUIRED)

add_library(zebu_third_party INTERFACE)
target_include_directories(zebu_third_party SYSTEM INTERFACE ${ZEBU_EXPECTED_INCLUDE} ${ZEBU_MSGPACK_INCLUDE} ${ZEBU_CPPZMQ_INCLUDE})
target_link_libraries(zebu_third_party INTERFACE PkgConfig::ZMQ Boost::headers Threads::Threads)

# Coroutines with libstdc++: Clang before 16 has them and does not say so, and Boost before 1.76 asks Clang for libc++'s
# <experimental/coroutine> only. It holds for the compiler that uses the library, whatever this one is.
set(ZEBU_OLD_CLANG "$<AND:$<CXX_COMPILER_ID:Clang>,$<VERSION_LESS:$<CXX_COMPILER_VERSION>,16>>")
target_compile_definitions(zebu_third_party INTERFACE
  $<${ZEBU_OLD_CLANG}:__cpp_impl_coroutine=201902L>
  $<$<CXX_COMPILER_ID:Clang>:BOOST_ASIO_HAS_CO_AWAIT>
  $<$<CXX_COMPILER_ID:Clang>:BOOST_ASIO_HAS_STD_COROUTINE>)

# Jobs are freed in the order of their making, thousands later: glibc's malloc spends half of a broker's time on that, and a
# third of a client's. The sanitizers have an allocator of their own.
function(zebu_use_jemalloc target)
  if(NOT ZEBU_SANITIZE)
    target_link_libraries(${target} PRIVATE PkgConfig::JEMALLOC)
  endif()
endfunction()
