#include "mica/ops/random.h"

#include <cstring>
#include <limits>
#include <stdexcept>

#include "mica/base/cpu_info.h"
#include "mica/base/error.h"
#include "mica/base/thread_pool.h"
#include "mica/cpu/kernels/threefry.h"
#include "mica/cpu/memory.h"
#include "mica/cpu/register.h"

namespace mica::cpu {
namespace {

using Threefry = void (*)(const ThreefryRun&);

Threefry threefry_kernel() {
  const Isa isa = active_isa();
  return isa >= Isa::avx512 ? avx512::threefry : isa >= Isa::avx2 ? avx2::threefry : reference::threefry;
}

/// The stream of one key. Counter i pairs word i with word i + ⌈words / 2⌉; of an odd number of words the middle one
/// has a counter of its own, (middle, 0); the last word may be cut short.
void fill(Threefry threefry, const uint32_t* key, std::byte* out, int64_t bytes) {
  const int64_t words = (bytes + 3) / 4;
  const int64_t pairs = words / 2;
  const int64_t second = pairs + words % 2;
  const auto store = [&](int64_t word, const uint32_t* values, int64_t count) {
    const int64_t at = 4 * word;
    if (count > 0) std::memcpy(out + at, values, static_cast<size_t>(std::min(4 * count, bytes - at)));
  };
  constexpr int64_t kPiece = 1024;
  ThreadPool::global().parallel_for(pairs, 8 * kPiece, [&](int64_t begin, int64_t end) {
    uint32_t low[kPiece];
    uint32_t high[kPiece];
    for (int64_t i = begin; i < end; i += kPiece) {
      const int64_t n = std::min(kPiece, end - i);
      threefry({{key[0], key[1]}, static_cast<uint32_t>(i), static_cast<uint32_t>(second + i), n, low, high});
      store(i, low, n);
      store(second + i, high, n);
    }
  });
  if (words % 2 == 1) {
    uint32_t low = 0;
    uint32_t high = 0;
    threefry({{key[0], key[1]}, static_cast<uint32_t>(pairs), 0, 1, &low, &high});
    store(pairs, &low, 1);
  }
}

void random_bits(const RandomBits&, std::span<array> inputs, std::span<array> outputs) {
  array& out = outputs[0];
  allocate(out);
  if (out.size() == 0) return;
  const array keys = row_contiguous(inputs[0]);
  const auto count = static_cast<int64_t>(keys.size()) / 2;
  const int64_t bytes = static_cast<int64_t>(out.nbytes()) / count;
  if (bytes / 4 > std::numeric_limits<uint32_t>::max()) {
    fail_as<std::invalid_argument>("[bits] one key has no more than 2^32 words, shape {} needs more",
                                   to_string(out.shape()));
  }
  const Threefry threefry = threefry_kernel();
  ThreadPool::global().parallel_for(count, std::max<int64_t>(1, 65536 / bytes), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      fill(threefry, keys.data<uint32_t>() + 2 * i, out.data<std::byte>() + i * bytes, bytes);
    }
  });
}

}  // namespace

void register_random(Backend& backend) {
  backend.add<RandomBits, random_bits>();
}

}  // namespace mica::cpu
