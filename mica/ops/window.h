#pragma once

#include "mica/array/array.h"
#include "mica/array/stream.h"

namespace mica {

// Windows of M places, float32, symmetric; of one place 1, of none or fewer empty.

/// ½ − ½ cos(2πn / (M − 1))
array hanning(int M, StreamOrDevice s = {});
/// 0.54 − 0.46 cos(2πn / (M − 1))
array hamming(int M, StreamOrDevice s = {});
/// A triangle with zero ends.
array bartlett(int M, StreamOrDevice s = {});
/// 0.42 − ½ cos(2πn / (M − 1)) + 0.08 cos(4πn / (M − 1))
array blackman(int M, StreamOrDevice s = {});

}  // namespace mica
