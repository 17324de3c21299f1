#pragma once

#include <cstdint>
#include <vector>

#include "mica/ops/conv.h"

namespace mica::cpu {

/// One spatial axis, with the place in the input of every (output position, tap): −1 where there is none.
struct Places {
  int64_t input = 1;
  int64_t output = 1;
  int64_t taps = 1;
  std::vector<int64_t> at = {0};
  /// Neighbouring taps meet neighbouring inputs.
  bool dense = true;

  Places() = default;
  Places(const ConvAxis& axis, int64_t input_length, int64_t output_length, int64_t tap_count, bool flip)
      : input(input_length),
        output(output_length),
        taps(tap_count),
        at(static_cast<size_t>(output_length * tap_count)),
        dense(axis.kernel_dilation == 1 && axis.input_dilation == 1 && !flip) {
    for (int64_t o = 0; o < output; ++o) {
      for (int64_t t = 0; t < taps; ++t) {
        const int64_t spread = o * axis.stride + t * axis.kernel_dilation - axis.padding_lo;
        const bool hit = spread >= 0 && spread % axis.input_dilation == 0 && spread / axis.input_dilation < input;
        at[static_cast<size_t>(o * taps + (flip ? taps - 1 - t : t))] = hit ? spread / axis.input_dilation : -1;
      }
    }
  }

  const int64_t* of(int64_t position) const { return at.data() + position * taps; }
};

/// A convolution over three spatial axes (leading ones of length 1 where there are fewer).
struct Problem {
  Places axis[3];
  int64_t samples;
  int64_t channels;
  int64_t filters;
  int64_t groups;

  Problem(const Convolution& primitive, const array& x, const array& w, const array& out)
      : samples(x.shape(0)), channels(x.shape(-1)), filters(w.shape(0)), groups(primitive.groups) {
    const size_t count = primitive.axes.size();
    for (size_t i = 0; i < count; ++i) {
      axis[3 - count + i] =
          Places(primitive.axes[i], x.shape()[i + 1], out.shape()[i + 1], w.shape()[i + 1], primitive.flip);
    }
  }

  int64_t taps() const { return axis[0].taps * axis[1].taps * axis[2].taps; }
  int64_t group_channels() const { return channels / groups; }
  int64_t group_filters() const { return filters / groups; }
  /// Rows of output positions along the last axis.
  int64_t rows() const { return samples * axis[0].output * axis[1].output; }
  int64_t positions() const { return rows() * axis[2].output; }

  /// Calls body(tap, first input pixel or −1, places along the last axis) for the rows of taps of an output position.
  template <typename Body>
  void for_tap_rows(int64_t position, Body body) const {
    const int64_t o2 = position % axis[2].output;
    const int64_t o1 = position / axis[2].output % axis[1].output;
    const int64_t o0 = position / (axis[2].output * axis[1].output) % axis[0].output;
    const int64_t sample = position / (axis[2].output * axis[1].output * axis[0].output);
    const int64_t* last = axis[2].of(o2);
    for (int64_t t0 = 0; t0 < axis[0].taps; ++t0) {
      const int64_t i0 = axis[0].of(o0)[t0];
      for (int64_t t1 = 0; t1 < axis[1].taps; ++t1) {
        const int64_t i1 = axis[1].of(o1)[t1];
        const int64_t row = ((sample * axis[0].input + i0) * axis[1].input + i1) * axis[2].input;
        body((t0 * axis[1].taps + t1) * axis[2].taps, i0 < 0 || i1 < 0 ? -1 : row, last);
      }
    }
  }
};

}  // namespace mica::cpu
