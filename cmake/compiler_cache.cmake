# ccache, if it is installed and no other launcher is set. Paths below the sources are hashed as relative ones, so that
# one cache serves every checkout.
find_program(ZEBU_CCACHE ccache)
if(ZEBU_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${PROJECT_SOURCE_DIR} CCACHE_NOHASHDIR=true
    ${ZEBU_CCACHE})
endif()
