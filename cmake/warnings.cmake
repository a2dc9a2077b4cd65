# Linked privately by our own targets, so that a user of the library does not inherit it.
add_library(zebu_warnings INTERFACE)
target_compile_options(zebu_warnings INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wold-style-cast
                                               -Wnon-virtual-dtor -Woverloaded-virtual -Wimplicit-fallthrough)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # GCC 12 sees overlaps in std::string's operator+ that are not there (GCC bug 105651), and at -O1 and -O2 another
  # function freeing a coroutine's frame than allocated it.
  target_compile_options(zebu_warnings INTERFACE -Wno-restrict -Wno-mismatched-new-delete)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  # Whether what a mutex guards is used with the mutex locked (lib/zebu/thread_annotations.h).
  target_compile_options(zebu_warnings INTERFACE -Wthread-safety)
endif()
option(ZEBU_WERROR "warnings are errors" OFF)
# ZEBU_NO_WERROR in the environment: for images and packages, which a newer compiler's new warning should not stop.
if(ZEBU_WERROR AND NOT DEFINED ENV{ZEBU_NO_WERROR})
  target_compile_options(zebu_warnings INTERFACE -Werror)
endif()
