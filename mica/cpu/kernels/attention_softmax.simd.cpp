// Online softmax of a tile of scores. A query is a lane, so nothing is reduced across lanes.

#include "mica/cpu/kernels/attention_hiding.h"

namespace mica::cpu::MICA_ISA_NS {
namespace {

constexpr float kInfinity = __builtin_inff();

/// The tile's queries lane … lane + kLanes − 1.
void softmax_lanes(const AttentionTile& tile, int lane) {
  const HiddenKeys hiding(tile.hiding, tile.width, lane);
  const bool hides = tile.hiding.softcap > 0 || tile.hiding.bias || tile.hiding.first;
  const F32 hidden(-kInfinity);
  const F32 before = F32::load(tile.largest + lane);
  F32 most = before;
  for (int64_t key = 0; key < tile.keys; ++key) {
    float* at = tile.scores + key * tile.width + lane;
    F32 score = F32::load(at);
    if (hides) {
      score = hiding.apply(score, key);
      score.store(at);
    }
    most = max(most, score);
  }
  // A query that has seen nothing yet has −∞ here; 0 keeps the differences below defined.
  const F32 base = select(most == hidden, F32(0.0f), most);
  F32 total(0.0f);
  for (int64_t key = 0; key < tile.keys; ++key) {
    float* at = tile.scores + key * tile.width + lane;
    const F32 p = exp(F32::load(at) - base);
    p.store(at);
    total = total + p;
  }
  const F32 correction = exp(before - base);
  most.store(tile.largest + lane);
  fma(F32::load(tile.sum + lane), correction, total).store(tile.sum + lane);
  for (int64_t row = 0; row < tile.value_rows; ++row) {
    float* at = tile.out + row * tile.width + lane;
    (F32::load(at) * correction).store(at);
  }
}

}  // namespace

void attention_softmax(const AttentionTile& tile) {
  for (int lane = 0; lane < tile.width; lane += F32::kLanes) softmax_lanes(tile, lane);
}

}  // namespace mica::cpu::MICA_ISA_NS
