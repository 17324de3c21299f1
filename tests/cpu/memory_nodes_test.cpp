// Weights on several memory nodes: which thread packs a panel, and which one reads it.

#include <algorithm>
#include <atomic>
#include <chrono>
#include <map>
#include <mutex>
#include <numeric>
#include <stdexcept>
#include <thread>

#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "mica/base/large_pages.h"
#include "mica/cpu/packed_matrix.h"
#include "tests/base/two_nodes.h"
#include "tests/cpu/packed_fixture.h"

namespace mica::cpu {
namespace {

/// As many as a pool has chunks for a thread: each is one panel then, and nobody is done before the others.
constexpr int64_t kPanelsOfThread = 6;
constexpr int64_t kCols = 64;

/// On which node each panel was packed and read, by its address. The kernels are functions: they find it here.
struct Record {
  std::mutex mutex;
  std::span<const MemoryNode> nodes;
  int threads = 0;
  int steps = 0;  // in which the threads read together: what comes later is not recorded
  std::map<const uint8_t*, size_t> packed;
  std::map<const uint8_t*, size_t> read;
  std::atomic<int> reads = 0;
};

Record& record() {
  static Record value;
  return value;
}

void pack_and_record(const QuantizedMatrix& source, const PanelLayout& layout, int64_t first_row, int64_t rows,
                     uint8_t* panel) {
  pack_panel(source, layout, first_row, rows, panel);
  const size_t node = test::own_node(record().nodes);
  if (node == 1) std::this_thread::sleep_for(std::chrono::microseconds(200));  // the others are done first
  const std::lock_guard lock(record().mutex);
  EXPECT_TRUE(record().packed.emplace(panel, node).second) << "packed twice";
}

/// Waits in each panel until every thread has come as far: all keep to their own parts then.
void read_and_record(const TileProduct& product) {
  EXPECT_EQ(product.panel_count, 1);
  for (int64_t row = 0; row < product.rows; ++row) {
    std::fill_n(product.y + row * product.y_stride, std::min<int64_t>(kPanelRows, product.y_cols), 0.0f);
  }
  const int step = record().reads++ / record().threads + 1;
  if (step > record().steps) return;
  {
    const std::lock_guard lock(record().mutex);
    EXPECT_TRUE(record().read.emplace(product.panels, test::own_node(record().nodes)).second) << "read twice";
  }
  const int together = step * record().threads;
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (record().reads < together && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  EXPECT_GE(record().reads, together);
}

/// A pool on two nodes, and 16 rows of activations: the fewest that the kernels of a matrix unit take, which may be the
/// caller's. The loop over the panels is that of one row.
struct Setting {
  explicit Setting(int threads) : pool(threads, test::two_nodes()) {
    record().nodes = pool.nodes();
    record().threads = threads;
    record().steps = 1000;
    record().packed.clear();
    record().read.clear();
    record().reads = 0;
    kernels.int8_product = read_and_record;
    x.assign(rows.data(), 16, kCols, kCols);
  }

  PackedMatrix pack(int64_t panels, int64_t slices = 1) {
    const RandomWeights weights(affine_format(4, 32, ScaleType::f16), slices * panels * kPanelRows, kCols);
    return PackedMatrix(weights.matrix, pool, slices, pack_and_record);
  }

  KernelLevel level() const { return {Isa::amx, kernels}; }

  ThreadPool pool;
  TileKernels kernels = amx::tile_kernels;
  std::vector<float> rows = random_floats(16 * kCols, 1);
  std::vector<float> y = std::vector<float>(1 << 16);
  Activations x;
};

class MemoryNodes : public testing::Test {
 protected:
  void SetUp() override {
    if (test::two_nodes().size() != 2) GTEST_SKIP() << "two processors are needed";
  }

  static void expect_read_where_packed(int64_t panels) {
    EXPECT_EQ(static_cast<int64_t>(record().packed.size()), panels);
    EXPECT_EQ(record().packed, record().read);
    for (const size_t node : {0, 1}) {
      EXPECT_TRUE(std::ranges::any_of(record().packed, [&](const auto& panel) { return panel.second == node; }));
    }
  }
};

/// What iteration `i` reads, by loop_reads.
std::vector<const uint8_t*> read_by(const LoopReads& reads, int64_t i) {
  std::vector<const uint8_t*> out;
  for (const LoopReads::Range& range : reads.ranges) {
    if (i < range.first || i >= range.first + range.count) continue;
    out.push_back(reinterpret_cast<const uint8_t*>(range.data + (i - range.first) * range.bytes));
  }
  return out;
}

// On one node and on two: loops tell beforehand which panels their iterations read.
TEST(LoopReads, ArePanelsInTheOrderOfTheLoop) {
  ThreadPool one(2), two(3, test::two_nodes());
  for (ThreadPool* pool : {&one, &two}) {
    const RandomWeights large(affine_format(4, 32, ScaleType::f16), 2 * 24 * kPanelRows, kCols);
    const RandomWeights small(ggml_format(QuantKind::q8_0), 2 * 7 * kPanelRows, kCols);
    const PackedMatrix q(large.matrix, *pool, 2), k(small.matrix, *pool, 2), v(large.matrix, *pool, 2);
    const Product products[] = {{.weights = &q, .slice = 1}, {.weights = &k, .slice = 1}, {.weights = &v, .slice = 1}};
    const LoopReads reads = loop_reads(products, false);
    const PanelOrder order({q.parts(), k.parts(), v.parts()}, 1);
    ASSERT_EQ(std::vector<int64_t>(reads.node_ends.begin(), reads.node_ends.end()),
              std::vector<int64_t>(order.node_ends().begin(), order.node_ends().end()));
    for (int64_t i = 0; i < order.count(); ++i) {
      order.visit(i, i + 1, [&](int64_t, size_t which, PanelRange panels) {
        EXPECT_EQ(read_by(reads, i), std::vector{products[which].weights->panel(1, panels.first)});
      });
    }
    const Product gated[] = {{.weights = &q}, {.weights = &v}};
    const LoopReads both = loop_reads(gated, true);
    EXPECT_EQ(both.node_ends.back(), 24);
    for (int64_t i = 0; i < 24; ++i) EXPECT_EQ(read_by(both, i), (std::vector{q.panel(0, i), v.panel(0, i)}));
    for (const LoopReads::Range& range : both.ranges) EXPECT_EQ(range.bytes, q.layout().panel_bytes());
  }
}

TEST_F(MemoryNodes, AProductReadsPanelsWhereTheyWerePacked) {
  for (const int threads : {2, 3, 4, 5}) {
    Setting setting(threads);
    const int64_t panels = kPanelsOfThread * threads;
    const PackedMatrix weights = setting.pack(panels);
    matmul(weights, setting.x, setting.y.data(), panels * kPanelRows, setting.pool,
           {.activation = Activation::int8, .level = setting.level()});
    expect_read_where_packed(panels);
  }
}

TEST_F(MemoryNodes, ProductsInOneLoopReadPanelsWhereTheyWerePacked) {
  Setting setting(4);
  const PackedMatrix q = setting.pack(12), k = setting.pack(6), v = setting.pack(6);
  std::vector<Product> products;
  float* y = setting.y.data();  // side by side
  for (const PackedMatrix* weights : {&q, &k, &v}) {
    products.push_back({.weights = weights, .y = y, .y_stride = int64_t{24} * kPanelRows});
    y += weights->rows();
  }
  matmul(products, setting.x, setting.pool, Activation::int8, setting.level());
  expect_read_where_packed(24);
}

// Of a matrix of one panel the second node has all: its threads have more to read than the others.
TEST_F(MemoryNodes, ProductsThatLieUnevenlyAreReadWhereTheyWerePacked) {
  Setting setting(4);
  std::vector<PackedMatrix> weights;
  for (const int64_t panels : {8, 1, 1, 1, 1, 1, 1, 1, 1}) weights.push_back(setting.pack(panels));
  std::vector<Product> products;
  products.reserve(weights.size());
  float* y = setting.y.data();  // side by side
  for (const PackedMatrix& one : weights) {
    products.push_back({.weights = &one, .y = y, .y_stride = int64_t{16} * kPanelRows});
    y += one.rows();
  }
  record().steps = 2;  // the first node's threads have two each
  matmul(products, setting.x, setting.pool, Activation::int8, setting.level());
  EXPECT_EQ(record().packed.size(), 16u);
  EXPECT_EQ(record().read.size(), 8u);
  for (const auto& [panel, node] : record().read) EXPECT_EQ(record().packed.at(panel), node);
}

TEST_F(MemoryNodes, AGateReadsPanelsWhereTheyWerePacked) {
  Setting setting(4);
  const PackedMatrix a = setting.pack(24), b = setting.pack(24);
  const Product out = {.y = setting.y.data(), .y_stride = a.rows()};
  gated_matmul({.weights = &a}, {.weights = &b}, out, UnaryOp::sigmoid, setting.x, setting.pool, Activation::int8,
               setting.level());
  expect_read_where_packed(48);
}

TEST_F(MemoryNodes, ExpertsReadPanelsWhereTheyWerePacked) {
  Setting setting(4);
  const PackedMatrix weights = setting.pack(8, 3);
  const std::vector<float> rows = random_floats(48 * kCols, 2);
  std::vector<int32_t> picked(48);
  std::iota(picked.begin(), picked.end(), 0);
  setting.x.gather(rows.data(), kCols, kCols, picked, std::vector<int32_t>{16, 32, 48});
  grouped_matmul(weights, setting.x, std::vector<int32_t>{2, 0, 1}, setting.y.data(), weights.slice_rows(),
                 setting.pool, {.activation = Activation::int8, .level = setting.level()});
  expect_read_where_packed(24);
}

// Each node has pages of its own: no page may have panels of both.
TEST_F(MemoryNodes, ShareNoPage) {
  Setting setting(3);
  std::vector<PackedMatrix> all;
  for (const int64_t panels : {1, 2, 7, 40, 3}) all.push_back(setting.pack(panels));
  std::map<uintptr_t, size_t> nodes;
  for (const auto& [panel, node] : record().packed) {
    EXPECT_EQ(nodes.emplace(reinterpret_cast<uintptr_t>(panel) / kLargePage, node).first->second, node);
  }
}

/// The memory node on which a byte lies; −1 where the system does not tell.
int node_of(const uint8_t* byte) {
  auto* address = const_cast<uint8_t*>(byte);
  int node = -1;
  return ::syscall(SYS_move_pages, 0, 1ul, &address, nullptr, &node, 0) == 0 ? node : -1;
}

TEST(RealMemoryNodes, HoldTheirPanels) {
  ThreadPool pool(0, memory_nodes(usable_processors()));
  if (pool.nodes().size() < 2 || pool.size() < 2) GTEST_SKIP() << "this machine has one memory node";
  for (const int64_t panels : {70, 700, 70000}) {  // a small one beside others, and one with pages of its own
    const RandomWeights weights(affine_format(4, 32, ScaleType::f16), panels * kPanelRows, kCols);
    const PackedMatrix packed(weights.matrix, pool);
    for (size_t node = 0; node < packed.parts().size(); ++node) {
      const PanelRange range = packed.parts()[node].range;
      EXPECT_GT(range.count, 0);
      for (int64_t i = range.first; i < range.first + range.count; ++i) {
        ASSERT_EQ(node_of(packed.panel(0, i)), pool.nodes()[node].id) << i << " of " << panels;
      }
    }
  }
}

// The kernels of the processor find every panel, whatever it is packed and multiplied with.
TEST_F(MemoryNodes, ResultsAreThoseOfOneNode) {
  ThreadPool one(2), two(3, test::two_nodes());
  const int64_t slices = 3, slice_rows = 5 * kPanelRows + 3;
  const RandomWeights weights(affine_format(4, 32, ScaleType::f16), slices * slice_rows, kCols);
  const PackedMatrix whole(weights.matrix, one, slices), parted(weights.matrix, two, slices);
  ASSERT_EQ(whole.parts().size(), 1u);
  ASSERT_EQ(parted.parts().size(), 2u);
  for (const int64_t count : {1, 5, 40}) {
    const std::vector<float> rows = random_floats(count * kCols, 3);
    const auto product = [&](const PackedMatrix& matrix, int64_t slice, ThreadPool& pool) {
      Activations x;
      x.assign(rows.data(), count, kCols, kCols);
      std::vector<float> y(static_cast<size_t>(count * slice_rows));
      matmul(matrix, x, y.data(), slice_rows, pool, {}, slice);
      return y;
    };
    for (int64_t slice = 0; slice < slices; ++slice) {
      const std::vector<float> expected = product(whole, slice, one);
      EXPECT_EQ(product(parted, slice, two), expected);
      EXPECT_EQ(product(parted, slice, one), expected);
      EXPECT_EQ(product(whole, slice, two), expected);
      two.limit(1);
      EXPECT_EQ(product(parted, slice, two), expected);
      two.limit(0);
    }
  }
  std::vector<int64_t> numbers(static_cast<size_t>(weights.matrix.rows));
  std::iota(numbers.begin(), numbers.end(), 0);
  std::vector<float> rows(numbers.size() * kCols);
  parted.dequantize_rows(numbers, rows.data());
  EXPECT_EQ(rows, dequantized(weights.matrix));
}

TEST_F(MemoryNodes, AGatePackedForOthersIsAnError) {
  ThreadPool one(2), two(2, test::two_nodes());
  const RandomWeights weights(affine_format(4, 32, ScaleType::f16), 64, kCols);
  const PackedMatrix a(weights.matrix, one), b(weights.matrix, two);
  const std::vector<float> row = random_floats(kCols, 4);
  Activations x;
  x.assign(row.data(), 1, kCols, kCols);
  std::vector<float> y(64);
  const Product out = {.y = y.data(), .y_stride = 64};
  EXPECT_THROW(gated_matmul({.weights = &a}, {.weights = &b}, out, UnaryOp::sigmoid, x, two), std::invalid_argument);
}

}  // namespace
}  // namespace mica::cpu
