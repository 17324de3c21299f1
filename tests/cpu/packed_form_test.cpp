// Panels that were made earlier, as a file of them is.

#include "mica/cpu/packed_form.h"

#include <cstring>
#include <memory>

#include <gtest/gtest.h>

#include "mica/base/aligned_vector.h"
#include "mica/base/error.h"
#include "mica/ops/elementwise.h"
#include "tests/cpu/packed_fixture.h"

namespace mica::cpu {
namespace {

array array_of(const std::vector<uint8_t>& bytes, Shape shape, Dtype dtype) {
  array out(allocator::malloc(bytes.size()), std::move(shape), dtype);
  std::memcpy(out.data<uint8_t>(), bytes.data(), bytes.size());
  return out;
}

/// A stack of random matrices as a model has it.
StoredMatrix stored(const QuantFormat& format, ShapeElem slices, ShapeElem rows, ShapeElem cols, uint32_t seed) {
  const RandomWeights weights(format, static_cast<int64_t>(slices) * rows, cols, seed);
  const auto shape_of = [&](int64_t last) {
    const auto length = static_cast<ShapeElem>(last);
    return slices > 1 ? Shape{slices, rows, length} : Shape{rows, length};
  };
  const Shape shape = shape_of(cols);
  if (format.is_dense()) {
    const Dtype dtype = format.bits == 32 ? float32 : format.kind == QuantKind::f16 ? float16 : bfloat16;
    return stored_dense(array_of(weights.codes, shape, dtype));
  }
  if (format.is_ggml_block()) {
    return stored_ggml(array_of(weights.codes, shape_of(format.row_bytes(cols)), uint8), format, cols);
  }
  const Shape scales = shape_of(format.scales_per_row(cols));
  const Dtype type = scale_dtype(format.scale_type);
  StoredMatrix out = {format, array_of(weights.codes, shape_of(format.row_bytes(cols) / 4), uint32),
                      array_of(weights.scales, scales, type), std::nullopt, shape};
  if (format.has_biases) out.biases = array_of(weights.biases, scales, type);
  return out;
}

using Panels = AlignedVector<std::byte>;

std::shared_ptr<Panels> panels_of(const StoredMatrix& w) {
  auto out = std::make_shared<Panels>(panel_bytes(w));
  write_panels(w, {out->data(), out->size()});
  return out;
}

array products(const StoredMatrix& w, const array& x) {
  array out(0.0f);
  if (w.shape.size() == 2) {
    out = linear(x, w, std::nullopt, Activation::int8);
  } else {
    const std::vector<int32_t> experts = {2, 0, 1, 2};
    out = expert_linear(x, w, array(experts.data(), Shape{static_cast<ShapeElem>(x.shape(0)), 2}, int32), std::nullopt,
                        Activation::int8);
  }
  out.eval();
  return out;
}

array activations(const StoredMatrix& w) {
  const bool is_stack = w.shape.size() == 3;
  const auto cols = static_cast<ShapeElem>(w.cols());
  const std::vector<float> values = random_floats(2 * w.cols(), 5);
  return array(values.data(), is_stack ? Shape{2, 1, cols} : Shape{2, cols}, float32);
}

bool is_equal(const array& a, const array& b) {
  return a.size() == b.size() && std::memcmp(a.data<float>(), b.data<float>(), a.nbytes()) == 0;
}

TEST(PackedForm, ProductsReadTheAdoptedPanels) {
  for (const QuantFormat& format : all_formats()) {
    for (const ShapeElem slices : {1, 3}) {
      SCOPED_TRACE(format.name() + " slices " + std::to_string(slices));
      const auto cols = static_cast<ShapeElem>(test_cols(format));
      const StoredMatrix packed_on_use = stored(format, slices, 37, cols, 1);
      const StoredMatrix same = stored(format, slices, 37, cols, 1);
      const StoredMatrix other = stored(format, slices, 37, cols, 2);
      const auto panels = panels_of(packed_on_use);
      for (const StoredMatrix& w : {same, other}) adopt_panels(w, *panels, panels);
      const array x = activations(same);
      const array expected = products(packed_on_use, x);
      EXPECT_TRUE(is_equal(products(same, x), expected));
      // What its own codes say does not count: so the panels are what was read.
      EXPECT_TRUE(is_equal(products(other, x), expected));
      EXPECT_FALSE(is_equal(products(stored(format, slices, 37, cols, 2), x), expected));
    }
  }
}

TEST(PackedForm, HoldsTheMemoryOfAdoptedPanels) {
  const StoredMatrix w = stored(ggml_format(QuantKind::q4_0), 1, 37, 160, 1);
  auto panels = panels_of(w);
  const std::weak_ptr<Panels> held = panels;
  adopt_panels(w, *panels, panels);
  panels.reset();
  EXPECT_FALSE(held.expired());
}

TEST(PackedForm, RefusesPanelsOfAnotherSize) {
  const StoredMatrix w = stored(ggml_format(QuantKind::q4_0), 1, 37, 160, 1);
  const auto panels = panels_of(w);
  EXPECT_THROW(adopt_panels(w, std::span(*panels).first(panels->size() - 64), panels), Error);
}

TEST(PackedForm, HasNothingToKeepOfWhatIsNotComputed) {
  const array dense = multiply(array(0.5f), array(random_floats(64, 1).data(), Shape{4, 16}, float32));
  EXPECT_FALSE(has_panels_to_keep({dense_format(QuantKind::f32), dense, std::nullopt, std::nullopt, {4, 16}}));
}

/// FNV-1a.
uint64_t hash(const Panels& bytes) {
  uint64_t out = 0xcbf29ce484222325;
  for (const std::byte byte : bytes) out = (out ^ static_cast<uint64_t>(byte)) * 0x100000001b3;
  return out;
}

// Files of packed weights say which layout they have: where this fails, kPanelLayout must change with the number here.
TEST(PackedForm, LayoutIsThatOfItsNumber) {
  uint64_t all = 0;
  for (const QuantFormat& format : all_formats()) {
    all = all * 31 + hash(*panels_of(stored(format, 1, 37, static_cast<ShapeElem>(test_cols(format)), 1)));
  }
  EXPECT_EQ(kPanelLayout, 1);
  EXPECT_EQ(all, 2301080620545540533u);
}

}  // namespace
}  // namespace mica::cpu
