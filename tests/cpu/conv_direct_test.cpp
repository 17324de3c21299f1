#include "mica/cpu/conv_direct.h"

#include "tests/cpu/conv_reference.h"

namespace mica::cpu {
namespace {

void check(const test::ConvCase& c) {
  test::check_convolution(
      c, [&](const Problem& problem, const array& x, const array& w, array& out, ThreadPool& pool, Isa isa) {
        convolve_directly(problem, c.wide, x.data<float>(), w.data<float>(), out.data<float>(), pool, isa);
      });
}

TEST(DirectConvolution, OddSizesStridesPaddingAndDilation) {
  check({1, 5, 15, 3, 33, 3, 3, {1, 1, 1}, {1, 1, 1}});
  check({2, 9, 23, 5, 17, 7, 7, {2, 3, 3}, {2, 3, 3}});
  check({1, 6, 29, 1, 65, 3, 2, {1, 0, 0, 2}, {3, 0, 0}});
  check({3, 1, 9, 7, 16, 1, 4, {1}, {1, 0, 3}});
  check({1, 4, 7, 2, 32, 3, 5, {1, 2, 2}, {1, 9, 6}});  // more padding than taps reach
  check({1, 11, 8, 130, 40, 2, 3, {1, 0, 1}, {1, 2, 0}});
}

}  // namespace
}  // namespace mica::cpu
