// Tiles of attention in 16-bit fixed point.

#include <algorithm>
#include <numbers>

#include "mica/base/round_up.h"
#include "mica/cpu/attention_tiles.h"
#include "mica/cpu/kernels/attention_int16.h"

namespace mica::cpu {
namespace {

class Int16Tiles final : public TileArithmetic {
 public:
  explicit Int16Tiles(const AttentionArgs& args)
      : TileArithmetic(args, kInt16Queries, kInt16Rows),
        pairs_((args.dim + 1) / 2),
        masks_(args.softcap > 0 || args.additive_mask != nullptr || args.bool_mask != nullptr),
        keys_(static_cast<size_t>(key_rows() * pairs_)),
        values_(static_cast<size_t>(key_rows() / 2 * value_rows())),
        key_scales_(static_cast<size_t>(key_rows())),
        scores_(static_cast<size_t>(key_rows() * kInt16Queries)) {}

  void open(QueryTile& tile, std::span<const float* const> queries) override {
    tile.q.resize(static_cast<size_t>(pairs_ * kInt16Queries) * sizeof(int32_t));
    tile.q_scales.resize(kInt16Queries);
    Int16Queries pack{.count = static_cast<int>(queries.size()),
                      .dim = args_.dim,
                      .scale = masks_ ? args_.scale : args_.scale * std::numbers::log2e_v<float>,
                      .out = reinterpret_cast<int32_t*>(tile.q.data()),
                      .scales = tile.q_scales.data()};
    std::copy(queries.begin(), queries.end(), pack.rows);
    avx512vnni::attention_int16_queries(pack);
  }

  void pack(const KvRows& keys, const KvRows& values, int64_t count) override {
    block_ = count;
    avx512vnni::attention_int16_keys(keys, count, keys_.data(), key_scales_.data());
    value_scale_ = avx512vnni::attention_int16_values(values, count, values_.data());
  }

  void attend(QueryTile& tile, int64_t count, const AttentionHiding& hiding) override {
    avx512vnni::attention_int16_tile({.dim = args_.dim,
                                      .value_rows = value_rows(),
                                      .keys = count,
                                      .q = reinterpret_cast<const int32_t*>(tile.q.data()),
                                      .q_scales = tile.q_scales.data(),
                                      .k = keys_.data(),
                                      .k_scales = key_scales_.data(),
                                      .v = values_.data(),
                                      .v_pairs = (block_ + 1) / 2,
                                      .v_scale = value_scale_,
                                      .scores = scores_.data(),
                                      .score_scale = masks_ ? std::numbers::log2e_v<float> : 1.0f,
                                      .hiding = hiding,
                                      .largest = tile.largest.data(),
                                      .sum = tile.sum.data(),
                                      .out = tile.out.data()});
  }

  float largest(const QueryTile& tile, size_t query) const override {
    return tile.largest[query] * std::numbers::ln2_v<float>;
  }

  void close(const QueryTile& tile, const float* factors, std::span<float* const> rows) override {
    avx512vnni::attention_int16_store(tile.out.data(), factors, static_cast<int>(rows.size()), args_.value_dim,
                                      rows.data());
  }

 private:
  int64_t pairs_;
  bool masks_;         // scores are changed before they are powers of 2
  int64_t block_ = 0;  // keys of the packed block
  AlignedVector<int32_t> keys_, values_;
  AlignedVector<float> key_scales_, scores_;
  float value_scale_ = 0.0f;
};

}  // namespace

std::unique_ptr<TileArithmetic> int16_tiles(const AttentionArgs& args) {
  return std::make_unique<Int16Tiles>(args);
}

}  // namespace mica::cpu
