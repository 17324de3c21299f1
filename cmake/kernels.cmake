# CPU kernels: the only files compiled for more than the x86-64 baseline.
#   NAME.cpp           compiled once, for the baseline
#   NAME.simd.cpp      compiled once per ISA below, each time with MICA_ISA_NS set to the ISA's name;
#                      everything in it must sit in namespace mica::cpu::MICA_ISA_NS
#   NAME_<isa>.cpp     compiled once, with the flags of that ISA
# Kernel files always get -O3: a debug build's tests should still end. With sanitizers -O1, or their compilation does not.
set(MICA_ISA_FLAGS_reference "")
set(MICA_ISA_FLAGS_avx2 -mavx2 -mfma -mf16c -mbmi2)
set(MICA_ISA_FLAGS_avx512 ${MICA_ISA_FLAGS_avx2} -mavx512f -mavx512bw -mavx512dq -mavx512vl -mavx512cd
                          -mprefer-vector-width=512)
set(MICA_ISA_FLAGS_avx512vnni ${MICA_ISA_FLAGS_avx512} -mavx512vnni)
set(MICA_ISA_FLAGS_avx512bf16 ${MICA_ISA_FLAGS_avx512vnni} -mavx512bf16)
set(MICA_ISA_FLAGS_amx ${MICA_ISA_FLAGS_avx512bf16} -mamx-tile -mamx-int8 -mamx-bf16)
set(MICA_SIMD_ISAS reference avx2 avx512)
# GCC 12 takes the "undefined" operand of its own intrinsics for a mistake.
set(MICA_KERNEL_FLAGS -O3 $<$<CXX_COMPILER_ID:GNU>:-Wno-uninitialized>)
if(MICA_SANITIZE)
  list(TRANSFORM MICA_KERNEL_FLAGS REPLACE "^-O3$" "-O1")
endif()

function(mica_add_kernels target)
  set(dir ${PROJECT_SOURCE_DIR}/mica/cpu/kernels)
  file(GLOB simd_sources CONFIGURE_DEPENDS ${dir}/*.simd.cpp)
  file(GLOB plain_sources CONFIGURE_DEPENDS ${dir}/*.cpp)
  list(FILTER plain_sources EXCLUDE REGEX "\\.simd\\.cpp$")
  foreach(source IN LISTS plain_sources)
    target_sources(${target} PRIVATE ${source})
    set(flags ${MICA_KERNEL_FLAGS})
    if(source MATCHES "_(avx2|avx512|avx512vnni|avx512bf16|amx)\\.cpp$")
      list(APPEND flags ${MICA_ISA_FLAGS_${CMAKE_MATCH_1}})
    endif()
    set_source_files_properties(${source} PROPERTIES COMPILE_OPTIONS "${flags}")
  endforeach()
  if(NOT simd_sources)
    return()
  endif()
  foreach(isa IN LISTS MICA_SIMD_ISAS)
    set(lib mica_kernels_${isa})
    add_library(${lib} OBJECT ${simd_sources})
    target_include_directories(${lib} PRIVATE ${PROJECT_SOURCE_DIR})
    target_compile_definitions(${lib} PRIVATE MICA_ISA_NS=${isa})
    target_compile_options(${lib} PRIVATE ${MICA_KERNEL_FLAGS} ${MICA_ISA_FLAGS_${isa}})
    target_link_libraries(${lib} PRIVATE mica_options)
    target_sources(${target} PRIVATE $<TARGET_OBJECTS:${lib}>)
  endforeach()
endfunction()
