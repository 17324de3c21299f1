#pragma once

#include <functional>
#include <type_traits>
#include <utility>
#include <vector>

#include "mica/array/array.h"

namespace mica {

/// What compile does: nothing, everything but merging equal nodes, everything but fusion, everything.
enum class CompileMode { disabled, no_simplify, no_fuse, enabled };

/// A function that computes the same as `fun`. It is traced once for every combination of input shapes, dtypes and
/// default stream: equal operations are merged, element-by-element ones fused, and the whole is run as one operation.
/// What `fun` does beside its operations happens only when it is traced, and arrays that it captures are taken as they
/// are then. `fun` may not compute anything on the way (eval, item).
///
/// With `shapeless`, MLX does not trace again for other lengths of axes. A trace holds lengths, so here it is made
/// anew for those, too, and only the last few traces are kept.
///
/// Inside of other transforms the function is `fun` itself, which they see through.
std::function<std::vector<array>(const std::vector<array>&)> compile(
    std::function<std::vector<array>(const std::vector<array>&)> fun, bool shapeless = false);
std::function<std::vector<array>(const std::vector<array>&)> compile(
    std::vector<array> (*fun)(const std::vector<array>&), bool shapeless = false);

/// For lambdas without captures.
template <typename F>
  requires std::is_convertible_v<F, decltype(+std::declval<F>())>
std::function<std::vector<array>(const std::vector<array>&)> compile(F&& f, bool shapeless = false) {
  return compile(+f, shapeless);
}

/// Compiled functions run as they are written, or are compiled again. Also the environment variable
/// MICA_DISABLE_COMPILE (or MLX_DISABLE_COMPILE), set to anything, disables compilation until enable_compile().
void disable_compile();
void enable_compile();
void set_compile_mode(CompileMode mode);

}  // namespace mica
