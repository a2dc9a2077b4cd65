if(ZEBU_SANITIZE)
  add_compile_options(-fsanitize=${ZEBU_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${ZEBU_SANITIZE})
  if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    # What this check puts in front of functions, Clang 14 cannot put in front of coroutines.
    add_compile_options(-fno-sanitize=function)
  endif()
  add_compile_definitions(ZEBU_SANITIZED)
  if(CMAKE_CXX_COMPILER_ID STREQUAL GNU)
    # What sanitizers add makes members of std::optional and std::variant look uninitialised. Other builds have it.
    add_compile_options(-Wno-maybe-uninitialized)
  endif()
  if(ZEBU_SANITIZE MATCHES thread AND CMAKE_CXX_COMPILER_ID STREQUAL GNU)
    add_compile_options(-Wno-tsan)  # Asio's fences, which the sanitizer does not know; all else is locked
  endif()
endif()
