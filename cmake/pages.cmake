# The manual page and the completions for bash of a program, made by the program itself from what its --help is made of.
# They are there as soon as the program is, so that whoever builds the programs alone can install them.
set(ZEBU_PAGES ${PROJECT_BINARY_DIR}/pages)
file(MAKE_DIRECTORY ${ZEBU_PAGES})

function(zebu_add_pages program)
  # Nothing of the environment and no configuration of this machine gets into them.
  add_custom_command(TARGET ${program} POST_BUILD
    COMMAND env -i $<TARGET_FILE:${program}> --no-config --print-page man | gzip -9nc > ${ZEBU_PAGES}/${program}.1.gz
    COMMAND env -i $<TARGET_FILE:${program}> --no-config --print-page bash > ${ZEBU_PAGES}/${program}
    BYPRODUCTS ${ZEBU_PAGES}/${program}.1.gz ${ZEBU_PAGES}/${program})
endfunction()
