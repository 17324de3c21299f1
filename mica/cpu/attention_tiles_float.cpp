// Tiles of attention by the kernels of dense f32 products, as wide as a tile of those. With S = scores and O = output,
// a query a column:  S = K · Q, P = softmax(S), O += V · P. P is already laid out as the second product reads it.

#include <algorithm>

#include "mica/cpu/attention_tiles.h"
#include "mica/cpu/kernels/gemm_kernels.h"

namespace mica::cpu {
namespace {

struct Kernels {
  GemmTileShape (*shape)(bool);
  void (*pack)(const GemmPack&);
  void (*tile)(const GemmTile&);
  void (*softmax)(const AttentionTile&);
  void (*widen)(const KvRows&, int64_t, float*);
};

Kernels choose_kernels(Isa isa) {
  if (isa >= Isa::avx512) {
    return {avx512::gemm_tile_shape, avx512::gemm_pack, avx512::gemm_tile, avx512::attention_softmax, avx512::kv_widen};
  }
  if (isa == Isa::avx2)
    return {avx2::gemm_tile_shape, avx2::gemm_pack, avx2::gemm_tile, avx2::attention_softmax, avx2::kv_widen};
  return {reference::gemm_tile_shape, reference::gemm_pack, reference::gemm_tile, reference::attention_softmax,
          reference::kv_widen};
}

GemmType gemm_type(KvType type) {
  return type == KvType::f16 ? GemmType::f16 : type == KvType::bf16 ? GemmType::bf16 : GemmType::f32;
}

class FloatTiles final : public TileArithmetic {
 public:
  FloatTiles(const AttentionArgs& args, const Kernels& kernels)
      : TileArithmetic(args, kernels.shape(false).cols, kernels.shape(false).rows),
        kernels_(kernels),
        rows_(kernels.shape(false).rows),
        keys_(static_cast<size_t>(key_rows() * std::max<int64_t>(args.dim, 1))),
        values_(static_cast<size_t>(key_rows() * value_rows())),
        scores_(static_cast<size_t>(key_rows() * width())) {}

  void open(QueryTile& tile, std::span<const float* const> queries) override {
    tile.q.assign(static_cast<size_t>(args_.dim * width()) * sizeof(float), std::byte{0});
    auto* q = reinterpret_cast<float*>(tile.q.data());
    for (size_t i = 0; i < queries.size(); ++i) {
      for (int64_t d = 0; d < args_.dim; ++d) q[d * width() + static_cast<int64_t>(i)] = queries[i][d] * args_.scale;
    }
  }

  /// Keys as rows of a left operand, values as columns of one; both are filled up with zeros to whole tiles.
  void pack(const KvRows& stored_keys, const KvRows& stored_values, int64_t count) override {
    block_ = count;
    const KvRows keys = packable(stored_keys, count, wide_keys_);
    const KvRows values = packable(stored_values, count, wide_values_);
    const int64_t size = keys.type == KvType::f32 ? 4 : 2;
    for (int64_t i = 0; i < count; i += rows_) {
      kernels_.pack({.type = gemm_type(keys.type),
                     .data = keys.data + i * keys.stride,
                     .count = std::min<int64_t>(rows_, count - i),
                     .depth = keys.dim,
                     .vector_stride = keys.stride / size,
                     .depth_stride = 1,
                     .width = rows_,
                     .out = keys_.data() + i * keys.dim});
    }
    for (int64_t d = 0; d < values.dim; d += rows_) {
      kernels_.pack({.type = gemm_type(values.type),
                     .data = values.data + d * size,
                     .count = std::min<int64_t>(rows_, values.dim - d),
                     .depth = count,
                     .vector_stride = 1,
                     .depth_stride = values.stride / size,
                     .width = rows_,
                     .out = values_.data() + d * count});
    }
  }

  void attend(QueryTile& tile, int64_t count, const AttentionHiding& hiding) override {
    for (int64_t i = 0; i < count; i += rows_) {
      kernels_.tile({.depth = args_.dim,
                     .a = keys_.data() + i * args_.dim,
                     .b = tile.q.data(),
                     .c = scores_.data() + i * width(),
                     .ldc = width(),
                     .rows = std::min<int64_t>(rows_, count - i),
                     .cols = width()});
    }
    kernels_.softmax({.scores = scores_.data(),
                      .keys = count,
                      .width = static_cast<int>(width()),
                      .hiding = hiding,
                      .largest = tile.largest.data(),
                      .sum = tile.sum.data(),
                      .out = tile.out.data(),
                      .value_rows = value_rows()});
    for (int64_t d = 0; d < value_rows(); d += rows_) {
      kernels_.tile({.depth = count,
                     .a = values_.data() + d * block_,
                     .b = scores_.data(),
                     .c = tile.out.data() + d * width(),
                     .ldc = width(),
                     .rows = rows_,
                     .cols = width(),
                     .accumulate = true});
    }
  }

  float largest(const QueryTile& tile, size_t query) const override { return tile.largest[query]; }

  void close(const QueryTile& tile, const float* factors, std::span<float* const> rows) override {
    for (size_t i = 0; i < rows.size(); ++i) {
      const float* column = tile.out.data() + i;
      for (int64_t d = 0; d < args_.value_dim; ++d) rows[i][d] = column[d * width()] * factors[i];
    }
  }

 private:
  /// The rows, codes as f32 in `wide`.
  KvRows packable(const KvRows& rows, int64_t count, AlignedVector<float>& wide) const {
    if (rows.type != KvType::q8 && rows.type != KvType::q4) return rows;
    wide.resize(static_cast<size_t>(count * rows.dim));
    kernels_.widen(rows, count, wide.data());
    const int64_t bytes = rows.dim * static_cast<int64_t>(sizeof(float));
    return {.dim = rows.dim, .bytes = bytes, .data = reinterpret_cast<std::byte*>(wide.data()), .stride = bytes};
  }

  Kernels kernels_;
  int rows_;
  int64_t block_ = 0;  // keys of the packed block
  AlignedVector<float> keys_, values_, scores_, wide_keys_, wide_values_;
};

}  // namespace

std::unique_ptr<TileArithmetic> float_tiles(const AttentionArgs& args, Isa isa) {
  return std::make_unique<FloatTiles>(args, choose_kernels(isa));
}

}  // namespace mica::cpu
