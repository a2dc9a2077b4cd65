# What scripts/dependencies installs, all of it from Debian.
find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(ZMQ REQUIRED IMPORTED_TARGET libzmq>=4.3.4)
find_package(Boost 1.74 REQUIRED)
find_package(CLI11 REQUIRED)
find_package(nlohmann_json 3.9 REQUIRED)
find_package(spdlog REQUIRED)

find_path(ZEBU_EXPECTED_INCLUDE tl/expected.hpp REQUIRED)
find_path(ZEBU_MSGPACK_INCLUDE msgpack.hpp REQUIRED)
find_path(ZEBU_CPPZMQ_INCLUDE zmq.hpp REQUIRED)

add_library(zebu_third_party INTERFACE)
target_include_directories(zebu_third_party SYSTEM INTERFACE ${ZEBU_EXPECTED_INCLUDE} ${ZEBU_MSGPACK_INCLUDE} ${ZEBU_CPPZMQ_INCLUDE})
target_link_libraries(zebu_third_party INTERFACE PkgConfig::ZMQ Boost::headers Threads::Threads)
