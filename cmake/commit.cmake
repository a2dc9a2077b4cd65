# ZEBU_COMMIT is what --version says the program was built from. -DZEBU_COMMIT=… wins; sources without git have none, also
# those that were unpacked inside of another repository.
if(NOT DEFINED ZEBU_COMMIT)
  set(ZEBU_COMMIT "")
  find_program(ZEBU_GIT git)
  if(ZEBU_GIT)
    execute_process(COMMAND ${ZEBU_GIT} rev-parse --show-toplevel WORKING_DIRECTORY ${PROJECT_SOURCE_DIR}
      OUTPUT_VARIABLE top OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
    get_filename_component(here ${PROJECT_SOURCE_DIR} REALPATH)
    if(top STREQUAL here)
      execute_process(COMMAND ${ZEBU_GIT} describe --always --abbrev=12 --dirty --exclude=*
        WORKING_DIRECTORY ${PROJECT_SOURCE_DIR} OUTPUT_VARIABLE ZEBU_COMMIT OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
    endif()
  endif()
endif()
