// Attention over caches in pages: against caches in one piece bit for bit, and against the operations that specify it.

#include <filesystem>

#include <gtest/gtest.h>

#include "mica/mica.h"
#include "op_table.h"

namespace mica::testing {
namespace {

constexpr ShapeElem kPages = 9;
constexpr ShapeElem kDim = 32;
constexpr ShapeElem kValueDim = 16;

array single(const array& a) {
  return astype(a, float32);
}

/// What a cache holds of rows.
struct Storage {
  Dtype dtype = float32;
  KvFormat format = {};

  array operator()(const array& rows) const {
    return format.bits != 0 ? quantize_kv(rows, format) : astype(rows, dtype);
  }
};

const Storage kStorages[] = {{float32}, {float16}, {bfloat16}, {uint8, {8, 32}}, {uint8, {4, 32}}};

/// A step of two sequences over pools of pages.
struct Step {
  array q, k, v, keys, values;
  array places = array({140, 250});
  array table = array({4, 2, 7, 0, 8, 3}, {2, 3});
  std::optional<array> query_places;
  std::optional<array> cosine, sine;
  CachedAttentionOptions options;

  Step(ShapeElem length, const Storage& storage, ShapeElem page = 128)
      : q(single(scattered({2, length, 4 * kDim}, -1.5, 1.5))),
        k(single(scattered({2, length, 2 * kDim}))),
        v(single(scattered({2, length, 2 * kValueDim}, -2, 1))),
        keys(storage(single(scattered({kPages, 2, page, kDim})))),
        values(storage(single(scattered({kPages, 2, page, kValueDim}, -1, 2)))) {
    options = {.attention = {.scale = 0.3f, .causal = true}, .num_heads = 4, .num_kv_heads = 2, .kv = storage.format};
    turn(single(scattered({2, length, kDim / 2}, 0, 6)));
  }

  void turn(const array& angles) {
    cosine = cos(angles);
    sine = sin(angles);
  }
  /// Both sequences by the same angles.
  void turn_alike(ShapeElem length) { turn(single(scattered({length, kDim / 2}, 0, 6))); }

  CachedAttentionResult in_pages() const {
    return attend_cached(q, k, v, keys, values, places, cosine, sine, options, table, query_places);
  }
  CachedAttentionResult in_one_piece() const {
    return attend_cached(q, k, v, joined(keys), joined(values), places, cosine, sine, options, std::nullopt,
                         query_places);
  }
  /// The pages of each sequence behind each other.
  array joined(const array& pages) const { return flatten(transpose(take(pages, table, 0), {0, 2, 1, 3, 4}), 2, 3); }
};

bool same(const array& a, const array& b) {
  return array_equal(a, b).item<bool>();
}

TEST(PagedAttention, IsAttentionOverAPieceBitForBit) {
  for (const Storage& storage : kStorages) {
    for (const ShapeElem length : {1, 4, 20, 130}) {
      for (const int64_t window : {0, 50}) {
        Step step(length, storage);
        step.options.attention.window = window;
        const auto got = step.in_pages();
        const auto wanted = step.in_one_piece();
        EXPECT_TRUE(same(got.mixed, wanted.mixed)) << storage.dtype << " " << length << " " << window;
        EXPECT_TRUE(same(step.joined(got.keys), wanted.keys));
        EXPECT_TRUE(same(step.joined(got.values), wanted.values));
        // Pages of nobody stay.
        const array others = array({1, 5, 6});
        EXPECT_TRUE(same(take(got.keys, others, 0), take(step.keys, others, 0)));
        EXPECT_TRUE(same(take(got.values, others, 0), take(step.values, others, 0)));
      }
    }
  }
}

TEST(PagedAttention, LargerPages) {
  Step step(3, {float16}, 384);
  step.table = array({6, 1}, {2, 1});
  EXPECT_TRUE(same(step.in_pages().mixed, step.in_one_piece().mixed));
}

// Two sequences with the same first pages, each with a page of its own behind them.
TEST(PagedAttention, SequencesSharePagesThatTheyRead) {
  for (const Storage& storage : kStorages) {
    Step step(2, storage);
    step.places = array({256, 300});
    step.table = array({4, 2, 7, 4, 2, 8}, {2, 3});
    const auto got = step.in_pages();
    const auto wanted = step.in_one_piece();
    EXPECT_TRUE(same(got.mixed, wanted.mixed));
    EXPECT_TRUE(same(step.joined(got.keys), wanted.keys));
  }
}

void expect_composite(const CachedAttentionResult& result) {
  const Arrays got = {result.mixed, result.keys, result.values};
  const auto& composite = dynamic_cast<const Composite&>(result.mixed.primitive());
  const Arrays wanted = composite.expand(result.mixed.inputs());
  for (size_t i = 0; i < got.size(); ++i) {
    // Different orders of float32 sums; of halves one unit. Of many queries over halves and codes 16-bit fixed point.
    const double tolerance = i > 0 && got[i].dtype() == float32 ? 1e-5 : 0x1p-9;
    EXPECT_TRUE(allclose(single(got[i]), single(wanted[i]), tolerance, tolerance).item<bool>()) << i;
  }
}

TEST(PagedAttention, IsItsComposite) {
  for (const Storage& storage : {kStorages[0], kStorages[1], kStorages[3], kStorages[4]}) {
    for (const ShapeElem length : {1, 20}) {
      Step step(length, storage);
      expect_composite(step.in_pages());
      step.options.attention = {.scale = 0.2f, .causal = true, .window = 50, .softcap = 2.0f};
      step.cosine = step.sine = std::nullopt;
      expect_composite(step.in_pages());
    }
  }
}

// The last layer of a prompt: keys and values of all tokens, and one query of each sequence, not the same one.
TEST(PagedAttention, QueriesOfFewOfTheTokens) {
  for (const Storage& storage : kStorages) {
    for (const ShapeElem length : {3, 20, 130}) {
      for (const bool own_angles : {true, false}) {
        Step step(length, storage);
        if (!own_angles) step.turn_alike(length);
        const auto whole = step.in_pages();
        const array at = array({length - 1, length - 2});
        const array rows = expand_dims(at, {1, 2});
        step.q = take_along_axis(step.q, rows, 1);
        step.query_places = add(step.places, at);
        const auto got = step.in_pages();
        // Single queries are computed in float32, those of many tokens in 16-bit fixed point.
        const array wanted = take_along_axis(whole.mixed, rows, 1);
        EXPECT_TRUE(allclose(got.mixed, wanted, 0x1p-9, 0x1p-9).item<bool>()) << storage.dtype << " " << length;
        EXPECT_TRUE(same(got.keys, whole.keys));
        EXPECT_TRUE(same(got.values, whole.values));
        EXPECT_TRUE(same(got.mixed, step.in_one_piece().mixed));
        expect_composite(step.in_pages());
      }
    }
  }
}

TEST(PagedAttention, QueriesStandAmongTheNewKeys) {
  Step step(3, {float16});
  step.q = slice(step.q, {0, 0, 0}, {2, 2, step.q.shape(2)});
  for (const auto& [first, second] : {std::pair(139, 250), std::pair(140, 252)}) {
    step.query_places = array({first, second});
    EXPECT_THROW(step.in_pages().mixed.eval(), std::out_of_range);
  }
  step.query_places = array({141, 250});
  step.in_pages().mixed.eval();
  step.query_places = std::nullopt;
  EXPECT_THROW(step.in_pages(), std::invalid_argument);
  step.query_places = array({140.0f, 250.0f});
  EXPECT_THROW(step.in_pages(), std::invalid_argument);
  step.query_places = array({140});
  EXPECT_THROW(step.in_pages(), std::invalid_argument);
}

TEST(PagedAttention, WritesInPlace) {
  Step step(1, {float16});
  eval(step.keys, step.values);
  const void* memory = step.keys.data<float16_t>();
  for (int i = 0; i < 3; ++i) {
    auto result = attend_cached(step.q, step.k, step.v, std::move(step.keys), std::move(step.values),
                                array({126 + i, 3}), step.cosine, step.sine, step.options, step.table);
    step.keys = std::move(result.keys);
    step.values = std::move(result.values);
    eval(result.mixed, step.keys, step.values);
    EXPECT_EQ(step.keys.data<float16_t>(), memory);
  }
  const array before = copy(step.keys);
  eval(before);
  const auto result = step.in_pages();
  eval(result.keys);
  EXPECT_NE(result.keys.data<float16_t>(), memory);
  EXPECT_TRUE(same(step.keys, before));
}

TEST(PagedAttention, VmapIsALoop) {
  const Step step(3, {float32});
  const auto attend_pages = [&](const Arrays& in) -> Arrays {
    auto out = attend_cached(in[0], in[1], in[2], in[3], in[4], in[5], step.cosine, step.sine, step.options, in[6]);
    return {out.mixed, out.keys, out.values};
  };
  const auto pair = [](const array& a, const array& b) { return stack({a, b}); };
  const Arrays inputs = {pair(step.q, negative(step.q)),
                         pair(step.k, square(step.k)),
                         pair(step.v, step.v),
                         pair(step.keys, negative(step.keys)),
                         pair(step.values, square(step.values)),
                         pair(step.places, array({0, 126})),
                         pair(step.table, array({1, 2, 3, 4, 5, 6}, {2, 3}))};
  const Arrays got = vmap(attend_pages)(inputs);
  for (int n = 0; n < 2; ++n) {
    Arrays one;
    for (const array& input : inputs) one.push_back(take(input, n, 0));
    const Arrays wanted = attend_pages(one);
    for (size_t i = 0; i < wanted.size(); ++i) {
      EXPECT_TRUE(allclose(take(got[i], n, 0), wanted[i], 1e-5, 1e-5).item<bool>()) << n << " " << i;
    }
  }
}

// Table and places are inputs like others: one trace serves every step.
TEST(PagedAttention, OneProgramServesAllTables) {
  int traces = 0;
  const Step step(1, {float16});
  const auto compiled = compile([&](const Arrays& in) -> Arrays {
    ++traces;
    auto out = attend_cached(step.q, step.k, step.v, in[0], in[1], in[2], step.cosine, step.sine, step.options, in[3]);
    return {out.mixed, out.keys};
  });
  Step moved = step;
  for (const array& table : {array({4, 2, 7, 0, 8, 3}, {2, 3}), array({5, 5, 0, 1, 6, 2}, {2, 3})}) {
    for (const array& places : {array({140, 250}), array({0, 383})}) {
      moved.table = table;
      moved.places = places;
      const Arrays got = compiled({step.keys, step.values, places, table});
      const auto wanted = moved.in_pages();
      EXPECT_TRUE(same(got[0], wanted.mixed));
      EXPECT_TRUE(same(got[1], wanted.keys));
    }
  }
  EXPECT_EQ(traces, 1);
}

TEST(PagedAttention, IsExported) {
  const Step step(2, {uint8, {4, 32}});
  const auto file = (std::filesystem::path(::testing::TempDir()) / "paged_attention.micafn").string();
  const auto pages = [&](const Args& in) -> Arrays {
    auto out = attend_cached(in[0], in[1], in[2], in[3], in[4], in[5], step.cosine, step.sine, step.options, in[6]);
    return {out.mixed, put_rows(out.keys, zeros({2, 2, 1, out.keys.shape(3)}, uint8), in[5], in[6])};
  };
  const Args inputs = {step.q, step.k, step.v, step.keys, step.values, step.places, step.table};
  export_function(file, pages, inputs);
  const Arrays got = import_function(file)(inputs);
  const Arrays wanted = pages(inputs);
  for (size_t i = 0; i < wanted.size(); ++i) EXPECT_TRUE(same(got[i], wanted[i])) << i;
  std::filesystem::remove(file);
}

TEST(PagedAttention, PutsRowsInPages) {
  const array pages = zeros({3, 1, 128, 2}, float16);
  const array rows = astype(reshape(arange(0.0, 12.0), {2, 1, 3, 2}), float32);
  const array put = put_rows(pages, rows, array({126, 5}), array({2, 0, 1, -1}, {2, 2}));
  const array specified = dynamic_cast<const Composite&>(put.primitive()).expand(put.inputs())[0];
  // The first sequence ends in page 0, the second one is in page 1.
  const auto at = [&](int page, int row) { return slice(put, {page, 0, row, 0}, {page + 1, 1, row + 1, 2}); };
  EXPECT_TRUE(same(flatten(at(2, 126)), astype(array({0, 1}), float16)));
  EXPECT_TRUE(same(flatten(at(2, 127)), astype(array({2, 3}), float16)));
  EXPECT_TRUE(same(flatten(at(0, 0)), astype(array({4, 5}), float16)));
  for (int row = 0; row < 3; ++row) {
    EXPECT_TRUE(same(flatten(at(1, 5 + row)), astype(array({6 + 2 * row, 7 + 2 * row}), float16)));
  }
  EXPECT_EQ(sum(astype(put, float32)).item<float>(), 66.0f);
  EXPECT_TRUE(same(specified, put));
}

// Of numbers that are only known when it is computed.
TEST(PagedAttention, RefusesPagesThatThereAreNot) {
  for (const int number : {-1, 9}) {
    Step step(1, {float16});
    step.table = array({4, number, 7, 0, 8, 3}, {2, 3});
    EXPECT_THROW(step.in_pages().mixed.eval(), std::out_of_range) << number;
    EXPECT_THROW(put_rows(step.keys, zeros({2, 2, 1, kDim}), step.places, step.table).eval(), std::out_of_range);
    // Nobody sees the last pages.
    step.table = array({4, 2, number, 0, 8, number}, {2, 3});
    EXPECT_NO_THROW(step.in_pages().mixed.eval());
    // A page that is read only must be there, too, unless it is before the window.
    step.table = array({number, 2, 7, number, 8, 3}, {2, 3});
    EXPECT_THROW(step.in_pages().mixed.eval(), std::out_of_range);
    EXPECT_NO_THROW(put_rows(step.keys, zeros({2, 2, 1, kDim}), step.places, step.table).eval());
    step.options.attention.window = 13;
    EXPECT_NO_THROW(step.in_pages().mixed.eval());
    step.options.attention.window = 14;
    EXPECT_THROW(step.in_pages().mixed.eval(), std::out_of_range);
  }
  for (const int place : {-1, 384}) {
    Step step(1, {float16});
    step.places = array({140, place});
    EXPECT_THROW(step.in_pages().mixed.eval(), std::out_of_range);
    EXPECT_THROW(put_rows(step.keys, zeros({2, 2, 1, kDim}), step.places, step.table).eval(), std::out_of_range);
  }
}

TEST(PagedAttention, RefusesShapesThatDoNotFit) {
  Step step(1, {float16});
  const auto refuses = [&](const array& table) {
    step.table = table;
    EXPECT_THROW(step.in_pages(), std::invalid_argument);
    EXPECT_THROW(put_rows(step.keys, zeros({2, 2, 1, kDim}), step.places, table), std::invalid_argument);
  };
  refuses(zeros({2, 3}, float32));
  refuses(zeros({6}, int32));
  refuses(zeros({3, 2}, int32));
  refuses(broadcast_to(array(0), {2, ShapeElem{1} << 30}));
  Step other(1, {float16}, 100);
  EXPECT_THROW(other.in_pages(), std::invalid_argument);
  // Key and value pages differ in length.
  other = Step(1, {float16}, 128);
  other.values = Step(1, {float16}, 256).values;
  EXPECT_THROW(other.in_pages(), std::invalid_argument);
}

}  // namespace
}  // namespace mica::testing
