#pragma once

#include <span>

#include "mica/array/array.h"

namespace mica::cpu {

/// Gives `out` memory in C order: its own that a program has left it from an earlier run, or fresh memory.
inline void allocate(array& out) {
  const auto& data = out.data_shared_ptr();
  const bool is_left =
      is_sole_owner(data) && out.offset() == 0 && out.flags().row_contiguous && out.data_size() == out.size();
  if (is_left) {
    // What was derived from the old contents dies with them.
    data->derived.value.reset();
  } else {
    out.set_data(allocator::malloc(out.nbytes()));
  }
}

/// Gives `out` the memory of `in` where in is done with, its elements are of the same size and its layout is C order;
/// fresh memory otherwise. For kernels that read element i before they write element i.
inline void donate_or_allocate(array& in, array& out) {
  if (in.is_donatable() && in.itemsize() == out.itemsize() && in.flags().row_contiguous && in.size() == out.size()) {
    // What was derived from the old contents dies with them.
    in.data_shared_ptr()->derived.value.reset();
    out.share_buffer(in, row_contiguous_strides(out.shape()), {true, true, out.ndim() <= 1}, out.size());
  } else {
    allocate(out);
  }
}

/// The array itself if it is in C order, else a copy that is.
array row_contiguous(const array& a);

}  // namespace mica::cpu
