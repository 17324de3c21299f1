# Warnings and sanitizers for every target of the project, and of the project only.
add_library(mica_options INTERFACE)
target_compile_options(mica_options INTERFACE -Wall -Wextra -Wpedantic -Wno-psabi -Wnon-virtual-dtor
                                              -Woverloaded-virtual -Wimplicit-fallthrough
                                              -Wno-missing-field-initializers)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # False alarms of GCC 12 on inlined std::string and std::vector code.
  target_compile_options(mica_options INTERFACE -Wno-restrict -Wshadow=local -Wno-maybe-uninitialized
                                                -Wno-stringop-overflow
                                                -Wno-array-bounds -Wno-dangling-pointer)
endif()
if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  # std::stable_sort of libstdc++ 12 uses a function that C++17 deprecates.
  target_compile_options(mica_options INTERFACE -Wno-deprecated-declarations)
endif()
if(MICA_WERROR)
  target_compile_options(mica_options INTERFACE -Werror)
endif()
if(MICA_SANITIZE)
  add_compile_options(-fsanitize=${MICA_SANITIZE} -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${MICA_SANITIZE})
  if(MICA_SANITIZE MATCHES "undefined")
    add_compile_options(-fno-sanitize-recover=undefined)
  endif()
endif()
