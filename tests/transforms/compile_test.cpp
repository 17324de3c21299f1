// Compiled functions compute what they are compiled from, to the bit.

#include <gtest/gtest.h>

#include "mica/array/tracing.h"
#include "mica/mica.h"
#include "mica/transforms/flat_graph.h"
#include "op_table.h"

namespace mica::testing {
namespace {

void expect_same(const Arrays& got, const Arrays& wanted) {
  ASSERT_EQ(got.size(), wanted.size());
  for (size_t i = 0; i < got.size(); ++i) {
    ASSERT_EQ(got[i].dtype(), wanted[i].dtype());
    ASSERT_EQ(got[i].shape(), wanted[i].shape());
    EXPECT_TRUE(array_equal(got[i], wanted[i], true).item<bool>()) << got[i] << "\n" << wanted[i];
  }
}

std::vector<OpCase> all_ops() {
  std::vector<OpCase> out = differentiable_ops();
  out.insert(out.end(), other_ops().begin(), other_ops().end());
  return out;
}

class Compiling : public ::testing::TestWithParam<OpCase> {
 protected:
  void TearDown() override { set_compile_mode(CompileMode::enabled); }
};

TEST_P(Compiling, ChangesNoValue) {
  const OpCase& op = GetParam();
  Arrays others;
  for (const array& input : op.inputs) {
    others.push_back(issubdtype(input.dtype(), inexact) ? multiply(input, array(0.9, input.dtype())) : input);
  }
  for (const CompileMode mode : {CompileMode::enabled, CompileMode::no_fuse, CompileMode::no_simplify}) {
    set_compile_mode(mode);
    const Function compiled = compile(op.fun);
    for (const Arrays& inputs : {op.inputs, others, op.inputs}) expect_same(compiled(inputs), op.fun(inputs));
  }
}

TEST_P(Compiling, ChangesNoGradient) {
  const OpCase& op = GetParam();
  const auto gradients = [&](const Arrays& x) {
    const auto loss = [&](const Arrays& at) {
      array total(0.0, float64);
      for (const array& output : op.fun(at)) total = add(total, sum(sin(astype(output, float64))));
      return total;
    };
    std::vector<int> argnums(x.size());
    for (size_t i = 0; i < x.size(); ++i) argnums[i] = static_cast<int>(i);
    return grad(loss, argnums)(x);
  };
  if (op.name == "scatter_prod" || op.name == "view") GTEST_SKIP() << "has no gradient";
  expect_same(compile(gradients)(op.inputs), gradients(op.inputs));
}

std::string case_name(const ::testing::TestParamInfo<OpCase>& info) {
  std::string name = info.param.name;
  std::replace(name.begin(), name.end(), ' ', '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(Ops, Compiling, ::testing::ValuesIn(all_ops()), case_name);

/// A chain of element-by-element operations with scalars, rows, columns and a choice.
Arrays chain(const Arrays& v) {
  const array& x = v[0];
  const array scaled = multiply(x, array(1.7f, x.dtype()));
  const array moved = add(scaled, v[1]);
  const array chosen = where(greater(moved, array(0.5f, x.dtype())), moved, multiply(x, v[2]));
  return {add(chosen, square(moved)), moved};
}

array as(const array& a, Dtype dtype) {
  return astype(multiply(a, array(dtype == int8 ? 60.0 : 3.0, float64)), dtype);
}

TEST(Fusion, IsExactInEveryTypeAndLayout) {
  // More than a block of 512 elements a row, and a length that nothing divides.
  const array x = scattered({7, 1301});
  const array row = scattered({1301}, -0.5, 1.5);
  const array column = scattered({7, 1}, -2, 2);
  const Function compiled = compile(chain);
  for (const Dtype& dtype : {float32, float64, float16, bfloat16, int32, int8, uint16, int64}) {
    const Arrays inputs = {as(x, dtype), as(row, dtype), as(column, dtype)};
    expect_same(compiled(inputs), chain(inputs));
    const array turned = transpose(as(reshape(x, {1301, 7}), dtype));
    const array strided = slice(as(scattered({14, 2602}), dtype), Shape{13, 0}, Shape{-15, 2602}, Shape{-2, 2});
    expect_same(compiled({turned, inputs[1], inputs[2]}), chain({turned, inputs[1], inputs[2]}));
    expect_same(compiled({strided, inputs[1], inputs[2]}), chain({strided, inputs[1], inputs[2]}));
  }
  expect_same(compiled({array(1.0f), array(2.0f), array(3.0f)}), chain({array(1.0f), array(2.0f), array(3.0f)}));
  expect_same(compiled({zeros({0, 3}), ones({3}), ones({1})}), chain({zeros({0, 3}), ones({3}), ones({1})}));
}

TEST(Fusion, IsExactForComplexNumbersAndPredicates) {
  const auto fun = [](const Arrays& v) {
    const array z = multiply(exp(v[0]), add(v[1], v[0]));
    const array far = logical_and(greater(abs(z), array(0.7f)), logical_not(isnan(z)));
    return Arrays{z, where(far, z, conjugate(z)), astype(far, int32), add(real(z), abs(z))};
  };
  const auto complex = [](const Shape& shape) {
    const array parts = astype(scattered(shape), float32);
    return add(astype(parts, complex64), multiply(astype(sin(parts), complex64), array(complex64_t(0, 1))));
  };
  const Arrays inputs = {complex({3, 700}), complex({3, 1})};
  expect_same(compile(fun)(inputs), fun(inputs));
}

FlatGraph captured(const Function& fun, const Arrays& inputs) {
  const Tracing tracing;
  Arrays placeholders;
  for (const array& input : inputs) {
    placeholders.emplace_back(input.shape(), input.dtype(), nullptr, Arrays{});
    placeholders.back().set_tracer(true);
  }
  return capture(placeholders, fun(placeholders));
}

TEST(Fusion, MakesOneNodeOfAChain) {
  const auto gelu = [](const Arrays& v) {
    const array& x = v[0];
    const array inner = multiply(array(0.8f), add(x, multiply(array(0.04f), multiply(x, multiply(x, x)))));
    return Arrays{multiply(multiply(array(0.5f), x), add(array(1.0f), tanh(inner)))};
  };
  FlatGraph graph = captured(gelu, {ones({4, 5})});
  EXPECT_GT(graph.nodes.size(), 6u);
  simplify(graph);
  fuse(graph);
  ASSERT_EQ(graph.nodes.size(), 1u);
  EXPECT_EQ(graph.nodes[0].primitive->name(), "fused");
}

TEST(Simplification, MergesEqualNodes) {
  const auto twice = [](const Arrays& v) {
    return Arrays{add(exp(multiply(v[0], array(2.0f))), exp(multiply(v[0], array(2.0f)))), sum(v[0], 0), sum(v[0], 0),
                  sum(v[0], 1)};
  };
  FlatGraph graph = captured(twice, {ones({3, 3})});
  simplify(graph);
  // multiply, exp, add; two different sums, each with the reshape that drops its axis.
  EXPECT_EQ(graph.nodes.size(), 7u);
  EXPECT_EQ(graph.outputs[1], graph.outputs[2]);
  EXPECT_NE(graph.outputs[1], graph.outputs[3]);
}

TEST(Simplification, DoesNotMergeACheckpoint) {
  const Function inner = checkpoint([](const Arrays& v) { return Arrays{sum(exp(sin(v[0])))}; });
  const auto slope = [&](const Arrays& v) { return grad([&](const Arrays& x) { return inner(x)[0]; })(v); };
  expect_same(compile(slope)({ones({3})}), slope({ones({3})}));
  FlatGraph graph = captured([&](const Arrays& v) { return Arrays{inner(v)[0], slope(v)[0]}; }, {ones({3})});
  simplify(graph);
  int exponentials = 0;
  for (const auto& node : graph.nodes) exponentials += node.primitive->name() == "exp" ? 1 : 0;
  EXPECT_EQ(exponentials, 2);
}

TEST(Compile, TracesOnceForEveryShapeAndType) {
  int calls = 0;
  const Function compiled = compile([&](const Arrays& v) {
    ++calls;
    return Arrays{exp(v[0])};
  });
  for (int i = 0; i < 3; ++i) {
    compiled({ones({2})});
    compiled({ones({3})});
    compiled({ones({2}, float16)});
    compiled({ones({2}), ones({1})});
  }
  EXPECT_EQ(calls, 4);
  disable_compile();
  compiled({ones({2})});
  EXPECT_EQ(calls, 5);
  enable_compile();
  compiled({ones({2})});
  EXPECT_EQ(calls, 5);
}

TEST(Compile, ShapelessFollowsTheShape) {
  const Function compiled = compile([](const Arrays& v) { return Arrays{mean(v[0])}; }, true);
  for (int n = 1; n < 40; ++n) {
    EXPECT_FLOAT_EQ(compiled({arange(0, n)})[0].item<float>(), static_cast<float>(n - 1) / 2);
  }
}

TEST(Compile, HandsOnInputsAndConstants) {
  const array constant = array({4.0f, 5.0f});
  const auto fun = [=](const Arrays& v) { return Arrays{v[0], constant, exp(v[0]), v[1], v[0]}; };
  const Arrays inputs = {array({1.0f, 2.0f}), array(3)};
  const Function compiled = compile(fun);
  expect_same(compiled(inputs), fun(inputs));
  const auto same = [](const Arrays& v) {
    const array y = exp(v[0]);
    return Arrays{y, y, sum(y)};
  };
  expect_same(compile(same)(inputs), same(inputs));
  EXPECT_TRUE(compile([](const Arrays&) { return Arrays{}; })(inputs).empty());
  expect_same(compile([](const Arrays&) { return Arrays{arange(4)}; })({}), {arange(4)});
}

TEST(Compile, NestsWithOtherTransforms) {
  const auto plain = [](const Arrays& v) { return Arrays{sum(multiply(sin(v[0]), v[1]))}; };
  const Function compiled = compile(plain);
  const Arrays inputs = {scattered({5}), scattered({5}, 1, 2)};
  const auto slopes = [](const Function& f) {
    return [f](const Arrays& v) { return value_and_grad(f, std::vector<int>{0, 1})(v).second; };
  };
  expect_same(slopes(compiled)(inputs), slopes(plain)(inputs));
  expect_same(compile(slopes(compiled))(inputs), slopes(plain)(inputs));
  const Arrays batch = {scattered({3, 5}), scattered({5}, 1, 2)};
  expect_same(vmap(compiled, {0, -1})(batch), vmap(plain, {0, -1})(batch));
  expect_same(compile(vmap(plain, {0, -1}))(batch), vmap(plain, {0, -1})(batch));
}

TEST(Compile, NeverWritesIntoALiveArray) {
  const Function compiled = compile([](const Arrays& v) {
    const array a = sin(v[0]);
    const array b = slice_update(a, v[1], {0}, {2});
    return Arrays{b, add(cumsum(b, 0), v[0]), a};
  });
  const array x = array({1.0f, 2.0f, 3.0f});
  const array y = array({7.0f, 8.0f});
  const Arrays first = compiled({x, y});
  eval(first);
  const Arrays again = compiled({x, y});
  eval(again);
  EXPECT_TRUE(array_equal(x, array({1.0f, 2.0f, 3.0f})).item<bool>());
  EXPECT_TRUE(array_equal(y, array({7.0f, 8.0f})).item<bool>());
  expect_same(first, again);
  // The results of one call are safe from the next ones.
  compiled({multiply(x, x), y})[0].eval();
  expect_same(first, again);
}

TEST(Compile, UsesAnInputThatNobodyHoldsInPlace) {
  const Function compiled = compile([](const Arrays& v) { return Arrays{exp(multiply(v[0], v[0]))}; });
  array x = ones({1000});
  x.eval();
  const void* memory = x.data<float>();
  Arrays inputs = {x};
  x = array(0.0f);
  array y = compiled(inputs)[0];
  inputs.clear();
  y.eval();
  EXPECT_EQ(y.data<float>(), memory);
}

TEST(Compile, GoesOnAfterAnError) {
  const Function compiled = compile([](const Arrays& v) { return Arrays{exp(take(multiply(v[0], v[0]), v[1], 0))}; });
  const array x = array({1.0f, 2.0f});
  EXPECT_THROW(compiled({x, array({5})})[0].eval(), std::out_of_range);
  EXPECT_FLOAT_EQ(compiled({x, array({1})})[0].item<float>(), std::exp(4.0f));
}

TEST(Compile, RefusesToComputeWhileItTraces) {
  EXPECT_THROW(compile([](const Arrays& v) { return Arrays{array(v[0].item<float>())}; })({array(1.0f)}),
               std::invalid_argument);
  EXPECT_THROW(vmap([](const array& v) { return array(v.item<float>()); })(ones({2})), std::invalid_argument);
}

TEST(Compile, RunsOnSeveralStreams) {
  const Stream other = new_stream(default_device());
  const auto fun = [=](const Arrays& v) { return Arrays{add(exp(v[0]), sin(v[0], other))}; };
  const Arrays inputs = {scattered({50})};
  const Function compiled = compile(fun);
  expect_same(compiled(inputs), fun(inputs));
}

TEST(Compile, KeepsConstantWeightsAtHand) {
  const auto single = [](const Shape& shape, double low = -1, double high = 1) {
    return astype(scattered(shape, low, high), float32);
  };
  const array norm = single({64}, 0.5, 1.5);
  const array a = single({37, 64});
  const array b = single({37, 64}, -0.5, 0.5);
  const array bias = single({37});
  const auto products = [=](const array& x, const array& second) {
    const std::vector<LinearTerm> terms = {{stored_dense(a), bias}, {stored_dense(second)}};
    return linears(x, terms, Activation::exact, {.norm = norm, .eps = 0.1f});
  };
  const auto gated = [=](const array& x, const array& second, const array& residual) {
    const std::vector<LinearTerm> terms = {{stored_dense(a)}, {stored_dense(second)}};
    return linears(x, terms, Activation::exact, {.gate = UnaryOp::silu, .residual = residual, .scale = 0.5f});
  };
  // All weights constant, and one of them an argument.
  const auto constant = [=](const Arrays& v) {
    const Arrays two = products(v[0], b);
    return Arrays{two[1], gated(v[0], b, two[0])[0]};
  };
  const auto argument = [=](const Arrays& v) {
    const Arrays two = products(v[0], v[1]);
    return Arrays{two[1], gated(v[0], v[1], two[0])[0]};
  };
  const Function kept = compile(constant);
  const Function given = compile(argument);
  for (const ShapeElem rows : {1, 3, 1, 40}) {
    const array x = single({rows, 64}, -0.1 * static_cast<double>(rows), 0.4);
    expect_same(kept({x}), constant({x}));
    expect_same(given({x, b}), argument({x, b}));
    expect_same(given({x, a}), argument({x, a}));
  }
}

}  // namespace
}  // namespace mica::testing
