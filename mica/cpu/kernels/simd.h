#pragma once

// Vectors of f32 for kernel files: one type, F32, with the lanes of the instruction set that the file is compiled for
// (reference 4, AVX2 8, AVX-512 16). A kernel is written once against it and compiled once per instruction set.
//
// Everything sits in namespace mica::cpu::MICA_ISA_NS. Kernel files include nothing that defines inline functions
// outside of it (no std templates): the linker keeps one copy of such a function for the whole program, and that one
// may hold instructions that the machine does not have.

#include <cstddef>
#include <cstdint>

#ifndef MICA_ISA_NS
#error "MICA_ISA_NS names the namespace of the instruction set; see cmake/kernels.cmake"
#endif

#if defined(__AVX512F__)
#include "mica/cpu/kernels/simd_avx512.h"
#elif defined(__AVX2__)
#include "mica/cpu/kernels/simd_avx2.h"
#else
#include "mica/cpu/kernels/simd_reference.h"
#endif

#include "mica/cpu/kernels/simd_math.h"
