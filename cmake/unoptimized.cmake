# In a sanitizer's build the optimizer multiplies what the checks add, and takes most of the compiler's time. What has few
# instructions to run, and many to compile, is built without it: all checks stay.
foreach(target zebu_program zebu_json zebu_producer zebu_webfront zebu_http zebu_builtin_tasks zebu_consumer)
  if(TARGET ${target})
    target_compile_options(${target} PRIVATE -O0)
  endif()
endforeach()
