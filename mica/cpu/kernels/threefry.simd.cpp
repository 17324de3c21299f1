#include "mica/cpu/kernels/threefry.h"

namespace mica::cpu::MICA_ISA_NS {
namespace {

/// Counters that are encrypted side by side: the compiler makes vectors of the loops over them.
constexpr int kLanes = 16;

struct Lanes {
  uint32_t x[kLanes];
  uint32_t y[kLanes];
};

template <int rotation>
void mix(Lanes& v) {
  for (int i = 0; i < kLanes; ++i) {
    v.x[i] += v.y[i];
    v.y[i] = (v.y[i] << rotation) | (v.y[i] >> (32 - rotation));
    v.y[i] ^= v.x[i];
  }
}

void inject(Lanes& v, uint32_t x, uint32_t y) {
  for (int i = 0; i < kLanes; ++i) {
    v.x[i] += x;
    v.y[i] += y;
  }
}

void even_rounds(Lanes& v) {
  mix<13>(v);
  mix<15>(v);
  mix<26>(v);
  mix<6>(v);
}

void odd_rounds(Lanes& v) {
  mix<17>(v);
  mix<29>(v);
  mix<16>(v);
  mix<24>(v);
}

void encrypt(Lanes& v, const uint32_t* key) {
  const uint32_t k0 = key[0];
  const uint32_t k1 = key[1];
  const uint32_t k2 = k0 ^ k1 ^ 0x1BD11BDAu;
  inject(v, k0, k1);
  even_rounds(v);
  inject(v, k1, k2 + 1);
  odd_rounds(v);
  inject(v, k2, k0 + 2);
  even_rounds(v);
  inject(v, k0, k1 + 3);
  odd_rounds(v);
  inject(v, k1, k2 + 4);
  even_rounds(v);
  inject(v, k2, k0 + 5);
}

}  // namespace

void threefry(const ThreefryRun& run) {
  for (int64_t at = 0; at < run.count; at += kLanes) {
    Lanes v;
    for (int i = 0; i < kLanes; ++i) {
      v.x[i] = run.first + static_cast<uint32_t>(at) + static_cast<uint32_t>(i);
      v.y[i] = run.second + static_cast<uint32_t>(at) + static_cast<uint32_t>(i);
    }
    encrypt(v, run.key);
    const int n = run.count - at < kLanes ? static_cast<int>(run.count - at) : kLanes;
    for (int i = 0; i < n; ++i) {
      run.low[at + i] = v.x[i];
      run.high[at + i] = v.y[i];
    }
  }
}

}  // namespace mica::cpu::MICA_ISA_NS
