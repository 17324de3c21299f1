// Fused primitives against the operations that specify them, and the rules of products with stored matrices.

#include <gtest/gtest.h>

#include "mica/mica.h"
#include "op_table.h"

namespace mica::testing {
namespace {

array single(const array& a) {
  return astype(a, float32);
}

/// The node's kernel against its expansion. Both compute in float32 in different orders: some units in the last place
/// of values around 1; of halves one unit.
void expect_kernel_is_composite(const array& a) {
  const auto& composite = dynamic_cast<const Composite&>(a.primitive());
  const array wanted = composite.expand(a.inputs())[0];
  ASSERT_EQ(a.shape(), wanted.shape());
  ASSERT_EQ(a.dtype(), wanted.dtype());
  const double tolerance = a.dtype() == float16 ? 0x1p-9 : a.dtype() == bfloat16 ? 0x1p-6 : 1e-5;
  EXPECT_TRUE(allclose(a, wanted, tolerance, tolerance).item<bool>()) << a << "\n" << wanted;
}

TEST(Composite, OfNorms) {
  for (const Dtype& dtype : {float32, float16, bfloat16}) {
    const array x = astype(scattered({3, 5, 37}, -2, 3), dtype);
    const array w = scattered({37}, 0.5, 1.5);
    const array b = scattered({37});
    expect_kernel_is_composite(fast::rms_norm(x, w, 1e-5f));
    expect_kernel_is_composite(fast::rms_norm(x, std::nullopt, 1e-2f));
    expect_kernel_is_composite(fast::layer_norm(x, w, b, 1e-5f));
    expect_kernel_is_composite(fast::layer_norm(x, std::nullopt, b, 1e-5f));
    expect_kernel_is_composite(fast::layer_norm(x, w, std::nullopt, 1e-5f));
  }
}

TEST(Composite, OfRotation) {
  for (const Dtype& dtype : {float32, float16}) {
    const array x = astype(scattered({2, 3, 5, 12}), dtype);
    for (const bool traditional : {false, true}) {
      expect_kernel_is_composite(fast::rope(x, 12, traditional, 100.0f, 1.0f, 3));
      expect_kernel_is_composite(fast::rope(x, 8, traditional, 100.0f, 0.5f, array({4, 0})));
    }
  }
}

TEST(Composite, OfAttention) {
  const array q = single(scattered({2, 6, 5, 16}, -1.5, 1.5));
  const array sinks = single(scattered({6}));
  const array bool_mask = greater(scattered({2, 1, 5, 9}), array(-0.3, float64));
  const array bias = where(bool_mask, scattered({5, 9}), array(-std::numeric_limits<double>::infinity(), float64));
  for (const Dtype& dtype : {float32, float16}) {
    const array k = astype(scattered({2, 3, 9, 16}), dtype);
    const array v = astype(scattered({2, 3, 9, 8}, -2, 1), dtype);
    expect_kernel_is_composite(attend(q, k, v, {.scale = 0.3f}));
    expect_kernel_is_composite(attend(q, k, v, {.scale = 0.3f, .causal = true}));
    expect_kernel_is_composite(attend(q, k, v, {.scale = 0.3f, .causal = true, .window = 3, .softcap = 2.0f}));
    expect_kernel_is_composite(attend(q, k, v, {.scale = 0.3f}, bool_mask));
    expect_kernel_is_composite(attend(q, k, v, {.scale = 0.3f, .causal = true}, bias, sinks));
    for (const AttentionOptions& options : {AttentionOptions{.scale = 0.3f}, {.scale = 0.3f, .causal = true}}) {
      expect_kernel_is_composite(attend(q, k, v, options, std::nullopt, std::nullopt, array({1, 4})));
      expect_kernel_is_composite(attend(q, k, v, options, bias, sinks, array({2, 0})));
    }
    // More queries than keys: the first ones see nothing.
    expect_kernel_is_composite(attend(q, slice(k, {0, 0, 0, 0}, {2, 3, 3, 16}), slice(v, {0, 0, 0, 0}, {2, 3, 3, 8}),
                                      {.scale = 0.3f, .causal = true}));
  }
}

TEST(Composite, OfAttentionOverACache) {
  for (const ShapeElem length : {1, 4, 20}) {
    for (const Dtype& dtype : {float32, float16}) {
      const array q = single(scattered({2, length, 6 * 16}, -1.5, 1.5));
      const array k = single(scattered({2, length, 3 * 16}));
      const array v = single(scattered({2, length, 3 * 8}, -2, 1));
      const array keys = astype(scattered({2, 3, 40, 16}), dtype);
      const array values = astype(scattered({2, 3, 40, 8}), dtype);
      const array places = array({3, 18});
      const array angles = single(scattered({2, length, 6}, 0, 6));
      for (const bool turns : {false, true}) {
        for (const ShapeElem tables : {1, 2}) {
          const array angle = tables == 1 ? take(angles, 0, 0) : angles;
          const auto cosine = turns ? std::optional(cos(angle)) : std::nullopt;
          const auto sine = turns ? std::optional(sin(angle)) : std::nullopt;
          const CachedAttentionOptions options{.attention = {.scale = 0.3f, .causal = true, .window = 7},
                                               .num_heads = 6,
                                               .num_kv_heads = 3,
                                               .traditional = tables == 2};
          const auto result = attend_cached(q, k, v, keys, values, places, cosine, sine, options);
          const auto& composite = dynamic_cast<const Composite&>(result.mixed.primitive());
          const Arrays wanted = composite.expand(result.mixed.inputs());
          const Arrays got = {result.mixed, result.keys, result.values};
          for (size_t i = 0; i < got.size(); ++i) {
            const double tolerance = got[i].dtype() == float16 ? 0x1p-9 : 1e-5;
            EXPECT_TRUE(allclose(got[i], wanted[i], tolerance, tolerance).item<bool>()) << i;
          }
        }
      }
    }
  }
}

// A step that owns its cache writes into its memory.
TEST(Composite, AttentionOverACacheWritesInPlace) {
  array keys = zeros({1, 1, 8, 4});
  array values = zeros({1, 1, 8, 4});
  eval(keys, values);
  const void* memory = keys.data<float>();
  const array x = ones({1, 1, 4});
  for (int i = 0; i < 3; ++i) {
    auto result =
        attend_cached(x, x, x, std::move(keys), std::move(values), array({i}), std::nullopt, std::nullopt, {});
    keys = std::move(result.keys);
    values = std::move(result.values);
    eval(result.mixed, keys, values);
    EXPECT_EQ(keys.data<float>(), memory);
  }
  const array copy = keys;
  auto result = attend_cached(x, x, x, keys, values, array({3}), std::nullopt, std::nullopt, {});
  eval(result.keys);
  EXPECT_NE(result.keys.data<float>(), memory);
  EXPECT_EQ(sum(copy).item<float>(), 12.0f);
  EXPECT_THROW(attend_cached(x, x, x, keys, values, array({8}), std::nullopt, std::nullopt, {}).mixed.eval(),
               std::out_of_range);
}

TEST(Composite, OfWritingToACache) {
  for (const Dtype& dtype : {float32, float16, bfloat16}) {
    const array buffer = astype(scattered({2, 3, 7, 5}), dtype);
    const array rows = single(scattered({2, 3, 4, 5}, 2, 3));
    expect_kernel_is_composite(put_rows(buffer, rows, array({3, 0})));
    expect_kernel_is_composite(
        put_rows(buffer, transpose(single(scattered({2, 4, 3, 5})), {0, 2, 1, 3}), array({1, 2})));
  }
  const array buffer = zeros({1, 1, 4, 2});
  EXPECT_THROW(put_rows(buffer, ones({1, 1, 2, 2}), array({3})).eval(), std::out_of_range);
  EXPECT_THROW(put_rows(buffer, ones({1, 1, 2, 2}), array({-1})).eval(), std::out_of_range);
  EXPECT_THROW(put_rows(buffer, ones({1, 1, 2, 2}), array({0, 1})), std::invalid_argument);
  EXPECT_THROW(put_rows(buffer, ones({1, 2, 2, 2}), array({0})), std::invalid_argument);
}

/// 4-bit codes of MLX's affine format with scales and biases in groups of 32, and the matrix they stand for.
struct Quantized {
  array codes;
  array scales;
  array biases;

  explicit Quantized(ShapeElem rows, ShapeElem cols = 64)
      : codes(astype(multiply(scattered({rows, cols / 8}, 0, 1), array(4294967295.0, float64)), uint32)),
        scales(single(scattered({rows, cols / 32}, 0.01, 0.05))),
        biases(single(scattered({rows, cols / 32}, -0.4, 0.1))) {}

  array numbers() const {
    // Eight codes a word, the lowest bits first.
    const array shifts = multiply(arange(0, 8, uint32), array(4u, uint32));
    const array nibbles = bitwise_and(right_shift(expand_dims(codes, -1), shifts), array(15u, uint32));
    return astype(flatten(nibbles, -2, -1), float32);
  }

  array matrix(const array& with_scales, const array& with_biases) const {
    return add(multiply(numbers(), repeat(with_scales, 32, -1)), repeat(with_biases, 32, -1));
  }

  StoredMatrix stored(const array& with_scales, const array& with_biases) const {
    return stored_quantized(codes, with_scales, with_biases, 32, 4, "affine");
  }
};

void expect_all_close(const Arrays& got, const Arrays& wanted) {
  ASSERT_EQ(got.size(), wanted.size());
  for (size_t i = 0; i < got.size(); ++i) {
    ASSERT_EQ(got[i].shape(), wanted[i].shape());
    // float32 sums of some dozens of products in different orders.
    EXPECT_TRUE(allclose(got[i], wanted[i], 1e-5, 1e-5).item<bool>()) << i << "\n" << got[i] << "\n" << wanted[i];
  }
}

/// Values, gradients, tangents and vmap over the first input of two ways to compute the same.
void expect_same_rules(const Function& f, const Function& g, const Arrays& x) {
  Arrays cotangents;
  Arrays tangents;
  for (const array& output : g(x)) cotangents.push_back(single(scattered(output.shape())));
  for (const array& input : x) tangents.push_back(single(scattered(input.shape(), -0.5, 0.7)));
  expect_all_close(f(x), g(x));
  expect_all_close(vjp(f, x, cotangents).second, vjp(g, x, cotangents).second);
  expect_all_close(jvp(f, x, tangents).second, jvp(g, x, tangents).second);
  for (size_t mapped = 0; mapped < x.size(); ++mapped) {
    std::vector<int> axes(x.size(), -1);
    Arrays batch = x;
    axes[mapped] = 1;
    batch[mapped] = stack({x[mapped], multiply(x[mapped], array(0.5f))}, 1);
    expect_all_close(vmap(f, axes)(batch), vmap(g, axes)(batch));
  }
}

TEST(StoredMatrixRules, OfADenseProduct) {
  const auto f = [](const Arrays& v) { return Arrays{linear(v[0], stored_dense(v[1]), v[2])}; };
  const auto g = [](const Arrays& v) { return Arrays{add(matmul(v[0], transpose(v[1])), v[2])}; };
  expect_same_rules(f, g, {single(scattered({2, 3, 32})), single(scattered({5, 32})), single(scattered({5}))});
}

TEST(StoredMatrixRules, OfAQuantizedProduct) {
  const Quantized w(5);
  const auto f = [&](const Arrays& v) { return Arrays{linear(v[0], w.stored(v[1], v[2]))}; };
  const auto g = [&](const Arrays& v) { return Arrays{matmul(v[0], transpose(w.matrix(v[1], v[2])))}; };
  expect_same_rules(f, g, {single(scattered({3, 64})), w.scales, w.biases});
}

/// rms_norm, products, gate and residual in operations of their own.
array norm_of(const array& x, const array& weight) {
  return multiply(multiply(x, rsqrt(add(mean(square(x), -1, true), array(0.1f)))), weight);
}

TEST(StoredMatrixRules, OfSeveralProductsWithANorm) {
  const auto f = [&](const Arrays& v) {
    const std::vector<LinearTerm> terms = {{stored_dense(v[1]), v[3]}, {stored_dense(v[2])}};
    return linears(v[0], terms, Activation::exact, {.norm = v[4], .eps = 0.1f});
  };
  const auto g = [&](const Arrays& v) {
    const array x = norm_of(v[0], v[4]);
    return Arrays{add(matmul(x, transpose(v[1])), v[3]), matmul(x, transpose(v[2]))};
  };
  expect_same_rules(f, g,
                    {single(scattered({2, 3, 32})), single(scattered({5, 32})), single(scattered({37, 32})),
                     single(scattered({5})), single(scattered({32}, 0.5, 1.5))});
}

TEST(StoredMatrixRules, OfTheBestRow) {
  for (const Shape& shape : {Shape{32}, Shape{2, 3, 32}, Shape{4, 1, 32}, Shape{0, 32}}) {
    const auto f = [&](const Arrays& v) {
      return Arrays{linear_argmax(v[0], stored_dense(v[1]), Activation::exact, {.norm = v[2], .eps = 0.1f})};
    };
    const auto g = [&](const Arrays& v) {
      return Arrays{astype(argmax(matmul(norm_of(v[0], v[2]), transpose(v[1])), -1), int32)};
    };
    const Arrays inputs = {single(scattered(shape)), single(scattered({37, 32})), single(scattered({32}, 0.5, 1.5))};
    expect_all_close(f(inputs), g(inputs));
    expect_all_close(compile(f)(inputs), g(inputs));
    Arrays several;
    for (const array& input : inputs) several.push_back(stack({input, multiply(input, array(-0.5f))}));
    expect_all_close(vmap(f)(several), vmap(g)(several));
  }
  const StoredMatrix w = stored_dense(ones({5, 32}));
  EXPECT_EQ(linear_argmax(ones({32}), w).item<int32_t>(), 0);
  EXPECT_THROW(linear_argmax(ones({31}), w), std::invalid_argument);
  EXPECT_THROW(linear_argmax(ones({32}), stored_dense(ones({2, 5, 32}))), std::invalid_argument);
  EXPECT_THROW(linear_argmax(ones({32}), stored_dense(ones({0, 32}))), std::invalid_argument);
  EXPECT_THROW(linear_argmax(ones({32}), w, Activation::exact, {.norm = ones({31})}), std::invalid_argument);
}

TEST(StoredMatrixRules, OfAGateAndAResidual) {
  // Rows of one tile, and of many; columns of one panel and of more than the scratch holds.
  for (const auto& [rows, cols] : std::vector<std::pair<ShapeElem, ShapeElem>>{{1, 7}, {3, 300}, {40, 33}}) {
    const auto f = [&](const Arrays& v) {
      const std::vector<LinearTerm> terms = {{stored_dense(v[1])}, {stored_dense(v[2])}};
      return linears(v[0], terms, Activation::exact, {.gate = UnaryOp::silu, .residual = v[3], .scale = 0.5f});
    };
    const auto g = [&](const Arrays& v) {
      const array gated = multiply(silu(matmul(v[0], transpose(v[1]))), matmul(v[0], transpose(v[2])));
      return Arrays{add(v[3], multiply(gated, array(0.5f)))};
    };
    expect_same_rules(f, g,
                      {single(scattered({rows, 32}, -0.4, 0.4)), single(scattered({cols, 32})),
                       single(scattered({cols, 32}, -0.5, 0.5)), single(scattered({rows, cols}))});
  }
}

TEST(StoredMatrixRules, RefuseFusionsThatDoNotFit) {
  const array x = ones({2, 8});
  const std::vector<LinearTerm> one = {{stored_dense(ones({4, 8}))}};
  const std::vector<LinearTerm> unequal = {one[0], {stored_dense(ones({5, 8}))}};
  const auto run = [&](const std::vector<LinearTerm>& terms, const LinearFusion& fusion) {
    return linears(x, terms, Activation::exact, fusion);
  };
  EXPECT_THROW(run(one, {.norm = ones({4})}), std::invalid_argument);
  EXPECT_THROW(run(one, {.gate = UnaryOp::silu}), std::invalid_argument);
  EXPECT_THROW(run(unequal, {.gate = UnaryOp::silu}), std::invalid_argument);
  EXPECT_THROW(run(one, {.residual = ones({2, 5})}), std::invalid_argument);
  EXPECT_THROW(run(unequal, {.residual = ones({2, 4})}), std::invalid_argument);
}

TEST(StoredMatrixRules, OfDequantization) {
  const Quantized w(4);
  const auto f = [&](const Arrays& v) { return Arrays{dequantize(w.stored(v[0], v[1]))}; };
  const auto g = [&](const Arrays& v) { return Arrays{w.matrix(v[0], v[1])}; };
  const Arrays x = {w.scales, w.biases};
  const Arrays c = {single(scattered({4, 64}))};
  expect_all_close(f(x), g(x));
  expect_all_close(vjp(f, x, c).second, vjp(g, x, c).second);
  expect_all_close(jvp(f, x, x).second, jvp(g, x, x).second);
}

TEST(StoredMatrixRules, OfRows) {
  const Quantized w(6);
  const array indices = array({5, 0, -1, 2}, Shape{2, 2});
  const auto f = [&](const Arrays& v) { return Arrays{take_rows(w.stored(v[0], v[1]), indices)}; };
  const auto g = [&](const Arrays& v) { return Arrays{take(w.matrix(v[0], v[1]), indices, 0)}; };
  const Arrays x = {w.scales, w.biases};
  const Arrays c = {single(scattered({2, 2, 64}))};
  expect_all_close(f(x), g(x));
  expect_all_close(vjp(f, x, c).second, vjp(g, x, c).second);
  const array rows = single(scattered({6, 8}));
  const auto dense = [&](const Arrays& v) { return Arrays{take_rows(stored_dense(v[0]), indices)}; };
  const auto plain = [&](const Arrays& v) { return Arrays{take(v[0], indices, 0)}; };
  expect_all_close(vjp(dense, {rows}, {single(scattered({2, 2, 8}))}).second,
                   vjp(plain, {rows}, {single(scattered({2, 2, 8}))}).second);
}

TEST(StoredMatrixRules, OfExperts) {
  const array indices = array({2, 0, 1, 1, 0, 2}, Shape{3, 2});
  const auto f = [&](const Arrays& v) { return Arrays{expert_linear(v[0], stored_dense(v[1]), indices, v[2])}; };
  const auto g = [&](const Arrays& v) {
    const array chosen = take(v[1], indices, 0);
    return Arrays{add(squeeze(matmul(chosen, expand_dims(v[0], -1)), -1), take(v[2], indices, 0))};
  };
  for (const ShapeElem rows : {1, 2}) {
    expect_same_rules(f, g,
                      {single(scattered({3, rows, 32})), single(scattered({3, 4, 32})), single(scattered({3, 4}))});
  }
}

TEST(StoredMatrixRules, FollowOtherScalesAndViews) {
  // The packed form that a product keeps of its codes is not used for other scales or another part of the memory.
  const Quantized w(5);
  const array x = single(scattered({2, 64}));
  for (const float factor : {1.0f, 3.0f}) {
    const array scales = multiply(w.scales, array(factor));
    expect_all_close({linear(x, w.stored(scales, w.biases))}, {matmul(x, transpose(w.matrix(scales, w.biases)))});
  }
  array both = single(scattered({8, 32}));
  array rows = single(scattered({4, 32}, -2, 1));
  eval(both, rows);
  for (const int first : {0, 4, 2}) {
    const array part = slice(both, {first, 0}, {first + 4, 32});
    for (const int count : {2, 4, 1}) {
      const array some = slice(rows, {0, 0}, {count, 32});
      expect_all_close({linear(some, stored_dense(part))}, {matmul(some, transpose(part))});
    }
  }
  expect_all_close({linear(rows, stored_dense(rows))}, {matmul(rows, transpose(rows))});
}

}  // namespace
}  // namespace mica::testing
