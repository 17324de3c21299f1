#include "mica/base/cpu_info.h"
#include "mica/cpu/kernels/elementwise.h"
#include "mica/cpu/kernels/strips.h"

namespace mica::cpu {

const ElementwiseKernels& elementwise_kernels() {
  static const ElementwiseKernels& chosen = active_isa() >= Isa::avx512 ? avx512::elementwise
                                            : active_isa() >= Isa::avx2 ? avx2::elementwise
                                                                        : reference::elementwise;
  return chosen;
}

const RowKernels& row_kernels() {
  static const RowKernels& chosen = active_isa() >= Isa::avx512 ? avx512::rows
                                    : active_isa() >= Isa::avx2 ? avx2::rows
                                                                : reference::rows;
  return chosen;
}

const StripKernels& strip_kernels() {
  static const StripKernels& chosen = active_isa() >= Isa::avx512 ? avx512::strips()
                                      : active_isa() >= Isa::avx2 ? avx2::strips()
                                                                  : reference::strips();
  return chosen;
}

}  // namespace mica::cpu
