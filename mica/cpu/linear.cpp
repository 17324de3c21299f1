#include "mica/ops/linear.h"

#include <memory>
#include <numeric>
#include <stdexcept>

#include "mica/base/error.h"
#include "mica/base/thread_pool.h"
#include "mica/cpu/activations.h"
#include "mica/cpu/fold.h"
#include "mica/cpu/kernels/elementwise.h"
#include "mica/cpu/memory.h"
#include "mica/cpu/packed_form.h"
#include "mica/cpu/packed_matrix.h"
#include "mica/cpu/quantized_matrix.h"
#include "mica/cpu/register.h"
#include "mica/cpu/row_screen.h"
#include "mica/cpu/workspace.h"

namespace mica::cpu {
namespace {

MatmulOptions options_of(const MatrixPrimitive& matrix, const MatrixInputs& inputs) {
  MatmulOptions options;
  options.activation = matrix.activation;
  options.bias = inputs.bias ? inputs.bias->data<float>() : nullptr;
  return options;
}

/// The products of a Linear: what they point into, and where they go.
struct LinearProducts {
  std::vector<MatrixInputs> stored;
  std::vector<std::shared_ptr<const PackedForm>> forms;
  std::vector<Product> products;

  /// `inputs`: those behind the operands.
  LinearProducts(const Linear& primitive, std::span<const array> inputs) {
    stored.reserve(primitive.matrices.size());
    forms.reserve(primitive.matrices.size());
    products.reserve(primitive.matrices.size());
    for (const MatrixPrimitive& matrix : primitive.matrices) {
      stored.emplace_back(matrix, inputs);
      inputs = inputs.subspan(matrix.input_count());
      forms.push_back(packed_form(matrix, stored.back()));
      const std::optional<array>& bias = stored.back().bias;
      products.push_back({.weights = &forms.back()->packed(), .bias = bias ? bias->data<float>() : nullptr});
    }
  }
};

void direct(Product& product, array& out, const float* residual, float scale) {
  product.y = out.data<float>();
  product.y_stride = out.shape(-1);
  product.residual = residual;
  product.scale = scale;
}

/// Rows up to which copies of activations are kept between steps, which allocate nothing for them then: a long prompt
/// leaves nothing behind.
constexpr int64_t kKeptRows = 32;

/// x (normalized with `norm`, where there is one) times the matrices of `all`; the residual may be null, and what a
/// later loop reads.
void linear(const Linear& primitive, LinearProducts& all, const array& x, const array* norm, const array* residual,
            std::span<array> outputs, const LoopReads* next = nullptr) {
  const LinearOptions& options = primitive.options;
  for (array& out : outputs) allocate(out);
  if (outputs[0].size() == 0) return;
  const int64_t cols = x.shape(-1);
  const int64_t rows = static_cast<int64_t>(outputs[0].size()) / outputs[0].shape(-1);
  thread_local Activations kept;
  Activations fresh;
  Activations& activations = rows <= kKeptRows ? kept : fresh;
  activations.assign(x.data<float>(), rows, cols, cols, {norm ? norm->data<float>() : nullptr, options.eps});

  const Activation activation = primitive.matrices[0].activation;
  const float* added = residual ? residual->data<float>() : nullptr;
  if (options.gate) {
    Product out;
    direct(out, outputs[0], added, options.scale);
    return gated_matmul(all.products[0], all.products[1], out, *options.gate, activations, ThreadPool::global(),
                        activation, {}, next);
  }
  for (size_t i = 0; i < outputs.size(); ++i) direct(all.products[i], outputs[i], added, options.scale);
  matmul(all.products, activations, ThreadPool::global(), activation, {}, next);
}

void run_linear(const Linear& primitive, std::span<array> inputs, std::span<array> outputs) {
  const LinearOptions& options = primitive.options;
  const size_t operands = primitive.operand_count();
  const array x = row_contiguous(inputs[0]);
  const array norm = options.has_norm ? row_contiguous(inputs[1]) : x;
  const array residual = options.has_residual ? row_contiguous(inputs[operands - 1]) : x;
  LinearProducts all(primitive, inputs.subspan(operands));
  linear(primitive, all, x, options.has_norm ? &norm : nullptr, options.has_residual ? &residual : nullptr, outputs);
}

/// A Linear of a compiled function, with its weights packed and at hand: a decode step has hundreds of them, and what
/// describes them is out of the caches when the step comes to it again.
std::optional<PreparedKernel> prepare_linear(const Linear& primitive, std::span<const std::optional<array>> inputs) {
  const LinearOptions& options = primitive.options;
  const size_t operands = primitive.operand_count();
  std::vector<array> constants;
  for (size_t i = options.has_norm ? 1 : operands; i < inputs.size(); ++i) {
    if (options.has_residual && i == operands - 1) continue;
    const std::optional<array>& input = inputs[i];
    if (!input) return std::nullopt;
    constants.push_back(*input);
  }
  std::optional<array> norm;
  if (options.has_norm) norm = row_contiguous(constants[0]);
  const std::span<const array> weights = std::span(constants).subspan(options.has_norm ? 1 : 0);
  const auto products = std::make_shared<LinearProducts>(primitive, weights);
  PreparedKernel out;
  out.reads = {0};
  if (options.has_residual) out.reads.push_back(operands - 1);
  out.streams = loop_reads(products->products, options.gate.has_value());
  out.run = [&primitive, products, norm](std::span<array> given, std::span<array> outputs, const LoopReads& next) {
    const array x = row_contiguous(given[0]);
    const array residual = row_contiguous(given.back());
    linear(primitive, *products, x, norm ? &*norm : nullptr, given.size() > 1 ? &residual : nullptr, outputs, &next);
  };
  return out;
}

/// The first of the rows of a weight with the largest product, for each row of x.
struct BestRows {
  std::shared_ptr<const PackedForm> form;
  bool is_screened;

  BestRows(const LinearArgmax& primitive, std::span<const array> weight)
      : form(packed_form(primitive.matrix, MatrixInputs(primitive.matrix, weight))),
        is_screened(RowScreen::fits(primitive.matrix.format, primitive.matrix.activation)) {}

  void run(const LinearArgmax& primitive, const array& x, const array* norm, array& out,
           const LoopReads* next = nullptr) const {
    allocate(out);
    const int64_t cols = x.shape(-1);
    const auto count = static_cast<int64_t>(out.size());
    if (count == 0) return;
    thread_local Activations activations;
    activations.assign(x.data<float>(), count, cols, cols, {norm ? norm->data<float>() : nullptr, primitive.eps});
    ThreadPool& pool = ThreadPool::global();
    if (is_screened && count <= kMostScreened && form->screen().is_worth_its_time()) {
      return form->screen().best_rows(activations, pool, {out.data<int32_t>(), out.size()}, {}, next);
    }
    const int64_t rows = form->packed().rows();
    const Workspace<float> products(count * rows);
    const Product product = {.weights = &form->packed(), .y = products.data(), .y_stride = rows};
    matmul({&product, 1}, activations, pool, primitive.matrix.activation, {}, next);
    fold_places(choose_fold_kernel(FoldType::f32, FoldOp::max), products.data(), sizeof(float),
                {.outer = count, .reduced = rows}, pool, reinterpret_cast<uint32_t*>(out.data<int32_t>()));
  }
};

void run_linear_argmax(const LinearArgmax& primitive, std::span<array> inputs, std::span<array> outputs) {
  const array x = row_contiguous(inputs[0]);
  const array norm = primitive.has_norm ? row_contiguous(inputs[1]) : x;
  const BestRows best(primitive, inputs.subspan(primitive.operand_count()));
  best.run(primitive, x, primitive.has_norm ? &norm : nullptr, outputs[0]);
}

std::optional<PreparedKernel> prepare_linear_argmax(const LinearArgmax& primitive,
                                                    std::span<const std::optional<array>> inputs) {
  std::vector<array> constants;
  for (const std::optional<array>& input : inputs.subspan(1)) {
    if (!input) return std::nullopt;
    constants.push_back(*input);
  }
  std::optional<array> norm;
  if (primitive.has_norm) norm = row_contiguous(constants[0]);
  const BestRows best(primitive, std::span(constants).subspan(primitive.operand_count() - 1));
  const Product whole = {.weights = &best.form->packed()};
  PreparedKernel out;
  out.reads = {0};
  out.streams = best.is_screened ? best.form->screen().reads() : loop_reads({&whole, 1}, false);
  out.run = [&primitive, best, norm](std::span<array> given, std::span<array> outputs, const LoopReads& next) {
    best.run(primitive, row_contiguous(given[0]), norm ? &*norm : nullptr, outputs[0], &next);
  };
  return out;
}

/// Assignments of tokens to experts, sorted by expert.
struct Routing {
  std::vector<int32_t> rows;     ///< of x, for each assignment
  std::vector<int32_t> places;   ///< (token, j) number of each assignment
  std::vector<int32_t> ends;     ///< of the groups
  std::vector<int32_t> experts;  ///< of the groups
};

Routing route(const array& indices, int64_t experts, bool one_row_per_token) {
  const int32_t* index = indices.data<int32_t>();
  const auto count = static_cast<int32_t>(indices.size());
  const auto per_token = static_cast<int32_t>(indices.shape(1));
  std::vector<int32_t> order(static_cast<size_t>(count));
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int32_t a, int32_t b) { return index[a] < index[b]; });
  Routing out;
  for (const int32_t place : order) {
    const int32_t expert = index[place];
    if (expert < 0 || expert >= experts) {
      fail_as<std::out_of_range>("[expert_linear] there is no expert {} of {}", expert, experts);
    }
    if (out.experts.empty() || out.experts.back() != expert) {
      out.experts.push_back(expert);
      out.ends.push_back(0);
    }
    out.rows.push_back(one_row_per_token ? place / per_token : place);
    out.places.push_back(place);
    out.ends.back() = static_cast<int32_t>(out.rows.size());
  }
  return out;
}

void expert_linear(const ExpertLinear& primitive, std::span<array> inputs, std::span<array> outputs) {
  const MatrixInputs stored(primitive.matrix, inputs.subspan(2));
  const array x = row_contiguous(inputs[0]);
  const array indices = row_contiguous(inputs[1]);
  array& out = outputs[0];
  allocate(out);
  if (out.size() == 0) return;
  const Routing routing = route(indices, primitive.matrix.weight_shape[0], x.shape(1) == 1);
  const int64_t cols = x.shape(2);
  const int64_t width = out.shape(2);
  Activations gathered;
  gathered.gather(x.data<float>(), cols, cols, routing.rows, routing.ends);
  const Workspace<float> sorted(static_cast<int64_t>(out.size()));
  const auto weight = packed_form(primitive.matrix, stored);
  grouped_matmul(weight->packed(), gathered, routing.experts, sorted.data(), width, ThreadPool::global(),
                 options_of(primitive.matrix, stored));
  for (size_t i = 0; i < routing.places.size(); ++i) {
    std::copy_n(sorted.data() + static_cast<int64_t>(i) * width, width, out.data<float>() + routing.places[i] * width);
  }
}

void take_rows(const TakeRows& primitive, std::span<array> inputs, std::span<array> outputs) {
  const MatrixInputs stored(primitive.matrix, inputs.subspan(1));
  const array indices = row_contiguous(inputs[0]);
  array& out = outputs[0];
  allocate(out);
  const int64_t rows = primitive.matrix.weight_shape[0];
  std::vector<int64_t> wanted(indices.data<int64_t>(), indices.data<int64_t>() + indices.size());
  for (int64_t& row : wanted) {
    const int64_t given = row;
    if (row < 0) row += rows;
    if (row < 0 || row >= rows) fail_as<std::out_of_range>("[take_rows] there is no row {} of {}", given, rows);
  }
  dequantize_rows(view_of(primitive.matrix, stored), wanted, out.data<float>());
}

void dequantize(const Dequantize& primitive, std::span<array> inputs, std::span<array> outputs) {
  const MatrixInputs stored(primitive.matrix, inputs);
  array& out = outputs[0];
  allocate(out);
  const QuantizedMatrix matrix = view_of(primitive.matrix, stored);
  ThreadPool::global().parallel_for(matrix.rows, 16, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) dequantize_row(matrix, row, out.data<float>() + row * matrix.cols);
  });
}

}  // namespace

void register_linear(Backend& backend) {
  backend.add<Linear, run_linear>();
  backend.add_prepared<Linear, prepare_linear>();
  backend.add<LinearArgmax, run_linear_argmax>();
  backend.add_prepared<LinearArgmax, prepare_linear_argmax>();
  backend.add<ExpertLinear, expert_linear>();
  backend.add<TakeRows, take_rows>();
  backend.add<Dequantize, dequantize>();
}

}  // namespace mica::cpu
