#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace mica {

/// Instruction sets that kernels are compiled for, from the least to the most. Each level includes the ones before it.
///   reference   plain C++ for the x86-64 baseline: what the other levels are tested against
///   avx2        AVX2, FMA, F16C, BMI2
///   avx512      AVX-512 F, BW, DQ, VL, CD
///   avx512vnni  … and VNNI
///   avx512bf16  … and BF16
///   amx         … and AMX tiles for int8 and bf16
enum class Isa { reference, avx2, avx512, avx512vnni, avx512bf16, amx };

std::string_view isa_name(Isa isa);

/// The highest level that this processor and system support.
Isa detected_isa();

/// The level that kernels are chosen for: the detected one, or the lower one that MICA_ISA names (for tests and for
/// comparing; a name that is unknown or too high for the machine is an Error). Read once.
Isa active_isa();

/// How many threads make sense for compute: the smallest of the processors this process may run on (affinity), the
/// cgroup v1 or v2 CPU quota (rounded down, at least 1), and the physical cores among those processors.
int usable_cores();

/// The processors that this process may run on, hyper-threads of one core apart as far as possible: first one
/// processor of each physical core, then the second ones.
std::vector<int> usable_processors();

/// The processor's model name for humans ("AMD EPYC 9R14"), or "unknown".
std::string cpu_name();

/// Total memory in bytes that this process may use: of the machine, or of its cgroup when that is less.
size_t memory_limit_bytes();

}  // namespace mica
