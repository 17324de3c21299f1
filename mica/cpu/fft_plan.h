#pragma once

#include <cstdint>
#include <memory>

#include "mica/cpu/fft_transform.h"

namespace mica::cpu {

/// The best way to transform `count` rows of length n; plans used last are kept.
std::shared_ptr<const FourierTransform> fourier_plan(int64_t n, int64_t count);

}  // namespace mica::cpu
