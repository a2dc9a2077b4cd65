# With ZEBU_UNITY, several files of a library, or several tests of one kind, are compiled as one: what they include is read
# and instantiated once, which halves the compiler's time of a build from nothing. A change of one file then compiles its
# whole group, and one file can live on what another one includes; so the presets for working leave it off, and they keep
# the includes honest.
#
# A library's group has files of one part of layers.txt only, so that the check of the includes stays exact.
set(ZEBU_UNITY_FILES 10)  # at most in a group: two cores should both be busy, and no compiler should need a GB
set(ZEBU_UNITY_TESTS 8)

file(STRINGS ${PROJECT_SOURCE_DIR}/cmake/layers.txt layers REGEX "^[a-z-]+ *\\|")
set_property(DIRECTORY ${PROJECT_SOURCE_DIR} APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS cmake/layers.txt)

# Sets `result` to the part whose longest path is the beginning of `file`, a path from the sources' folder on.
function(zebu_part_of file result)
  set(part "")
  set(longest 0)
  foreach(layer ${layers})
    string(REGEX MATCH "^([a-z-]+) *\\|([^|]*)\\|" _ "${layer}")
    set(name ${CMAKE_MATCH_1})
    string(REGEX MATCHALL "[^ ]+" paths "${CMAKE_MATCH_2}")
    foreach(path ${paths})
      string(FIND ${file} ${path} place)
      string(LENGTH ${path} length)
      if(place EQUAL 0 AND length GREATER longest)
        set(part ${name})
        set(longest ${length})
      endif()
    endforeach()
  endforeach()
  set(${result} "${part}" PARENT_SCOPE)
endfunction()

# Puts the files into groups of about the same size, each of neighbours in the list.
function(zebu_group name at_most folder files)
  list(LENGTH files count)
  if(count EQUAL 1)
    return()
  endif()
  math(EXPR groups "(${count} + ${at_most} - 1) / ${at_most}")
  set(index 0)
  foreach(file ${files})
    math(EXPR group "${index} * ${groups} / ${count} + 1")
    set_source_files_properties(${file} DIRECTORY ${folder} PROPERTIES UNITY_GROUP ${name}_${group})
    math(EXPR index "${index} + 1")
  endforeach()
endfunction()

function(zebu_unify target)
  get_target_property(sources ${target} SOURCES)
  get_target_property(folder ${target} SOURCE_DIR)
  set(parts "")
  foreach(source ${sources})
    get_filename_component(source ${source} ABSOLUTE BASE_DIR ${folder})
    file(RELATIVE_PATH path ${PROJECT_SOURCE_DIR} ${source})
    zebu_part_of(${path} part)
    if(part)
      list(APPEND parts ${part})
      list(APPEND files_of_${part} ${source})
    endif()
  endforeach()
  list(REMOVE_DUPLICATES parts)
  foreach(part ${parts})
    zebu_group(${part} ${ZEBU_UNITY_FILES} ${folder} "${files_of_${part}}")
  endforeach()
  set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_MODE GROUP)
endfunction()

# Tests of one kind, in the order of their names. They include the most, and so gain the most.
function(zebu_unify_tests target)
  get_target_property(sources ${target} SOURCES)
  list(SORT sources)
  zebu_group(tests ${ZEBU_UNITY_TESTS} ${CMAKE_CURRENT_SOURCE_DIR} "${sources}")
  set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_MODE GROUP)
endfunction()

# What has been added so far: the libraries and programs.
get_property(folders DIRECTORY ${PROJECT_SOURCE_DIR} PROPERTY SUBDIRECTORIES)
foreach(folder ${folders})
  get_property(targets DIRECTORY ${folder} PROPERTY BUILDSYSTEM_TARGETS)
  foreach(target ${targets})
    zebu_unify(${target})
  endforeach()
endforeach()

if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # Every job passes through these. GCC inlines less the larger a unit is: with its own limits the broker takes 8 % more
  # instructions for a job than when each file is compiled alone; with these, 6 % fewer.
  foreach(target zebu zebu_broker_records zebu_broker_engine zebu_broker_store zebu_broker_server zebu_consumer
      zebu_consumer_slots)
    target_compile_options(${target} PRIVATE
      $<$<CONFIG:Release>:--param=inline-unit-growth=400 --param=large-unit-insns=200000>)
  endforeach()
  # No job passes through these, or only once at a terminal: -O2 takes a fifth of the compiler's time off.
  foreach(target zebu_program zebu_json zebu_producer zebu-producer)
    target_compile_options(${target} PRIVATE $<$<CONFIG:Release>:-O2>)
  endforeach()
endif()
