// Functions that were written to a file and read back compute what they did before, to the bit.

#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "export_cases.h"
#include "mica/base/error.h"
#include "mica/mica.h"

namespace mica::testing {
namespace {

using ::testing::HasSubstr;

void expect_same(const Arrays& got, const Arrays& wanted) {
  ASSERT_EQ(got.size(), wanted.size());
  for (size_t i = 0; i < got.size(); ++i) {
    ASSERT_EQ(got[i].dtype(), wanted[i].dtype());
    ASSERT_EQ(got[i].shape(), wanted[i].shape());
    EXPECT_TRUE(array_equal(got[i], wanted[i], true).item<bool>()) << got[i] << "\n" << wanted[i];
  }
}

ImportedFunction through_file(const Function& fun, const Arrays& inputs, bool shapeless = false) {
  const TemporaryFile file;
  export_function(file.path(), fun, inputs, shapeless);
  return import_function(file.path());
}

std::vector<OpCase> all_ops() {
  std::vector<OpCase> out = differentiable_ops();
  out.insert(out.end(), other_ops().begin(), other_ops().end());
  out.insert(out.end(), more_ops().begin(), more_ops().end());
  return out;
}

/// Other values of the same kind: indices and keys stay.
Arrays changed(const Arrays& inputs) {
  Arrays out;
  for (const array& input : inputs) {
    out.push_back(issubdtype(input.dtype(), inexact) ? multiply(input, array(0.9, input.dtype())) : input);
  }
  return out;
}

class Exporting : public ::testing::TestWithParam<OpCase> {};

TEST_P(Exporting, ChangesNoValue) {
  const OpCase& op = GetParam();
  const ImportedFunction imported = through_file(op.fun, op.inputs);
  expect_same(imported(op.inputs), op.fun(op.inputs));
  // Sorted sequences stay sorted, positive definite matrices stay so.
  const Arrays others = changed(op.inputs);
  expect_same(imported(others), op.fun(others));
}

TEST_P(Exporting, CompilesAsTheFunctionDoes) {
  const OpCase& op = GetParam();
  const auto compiled = compile([imported = through_file(op.fun, op.inputs)](const Arrays& v) { return imported(v); });
  expect_same(compiled(op.inputs), op.fun(op.inputs));
}

INSTANTIATE_TEST_SUITE_P(Ops, Exporting, ::testing::ValuesIn(all_ops()));

class ExportingGradients : public ::testing::TestWithParam<OpCase> {};

TEST_P(ExportingGradients, ArePartOfTheFunctionOrTakenOfIt) {
  const OpCase& op = GetParam();
  const auto gradient = [](const Function& fun) {
    return [fun](const Arrays& v) {
      const Arrays outputs = fun(v);
      Arrays ones;
      for (const array& output : outputs) ones.push_back(ones_like(output));
      return vjp(fun, v, ones).second;
    };
  };
  const Arrays wanted = gradient(op.fun)(op.inputs);
  expect_same(through_file(gradient(op.fun), op.inputs)(op.inputs), wanted);
  const ImportedFunction imported = through_file(op.fun, op.inputs);
  expect_same(gradient([&](const Arrays& v) { return imported(v); })(op.inputs), wanted);
}

INSTANTIATE_TEST_SUITE_P(Ops, ExportingGradients, ::testing::ValuesIn(differentiable_ops()));

class ExportingShapeless : public ::testing::TestWithParam<ShapelessCase> {};

TEST_P(ExportingShapeless, FollowsOtherLengths) {
  const ShapelessCase& one = GetParam();
  const ImportedFunction imported = through_file(one.fun, one.traced, true);
  expect_same(imported(one.traced), one.fun(one.traced));
  expect_same(imported(one.called), one.fun(one.called));
}

INSTANTIATE_TEST_SUITE_P(Functions, ExportingShapeless, ::testing::ValuesIn(shapeless_cases()));

/// What cannot follow says so: it would have another result than the function.
TEST(ExportShapeless, RefusesWhatATraceCannotTell) {
  const array traced = scattered({2, 4});
  const array other = scattered({2, 8});
  const auto refuses = [&](const std::function<array(const array&)>& fun, const char* message) {
    const ImportedFunction imported = through_file([&](const Arrays& v) { return Arrays{fun(v[0])}; }, {traced}, true);
    EXPECT_THAT([&] { imported({other}); }, ::testing::ThrowsMessage<std::invalid_argument>(HasSubstr(message)));
  };
  refuses([](const array& a) { return slice(a, {0, 0}, {2, -1}); }, "[slice]");
  refuses([](const array& a) { return take(a, -1, 1); }, "[slice]");
  refuses([](const array& a) { return median(a, 1); }, "[slice]");
  refuses([](const array& a) { return pad(a, 1); }, "[slice_update]");
  refuses([](const array& a) { return reshape(a, {4, 2}); }, "[reshape]");
  refuses([](const array& a) { return partition(a, -1, 1); }, "[partition]");
  refuses([](const array& a) { return hadamard_transform(a); }, "[hadamard_transform]");
  refuses([](const array& a) { return matmul(a, ones({4, 3}, float64)); }, "[matmul]");
  const ImportedFunction imported = through_file([](const Arrays& v) { return v; }, {traced}, true);
  EXPECT_THROW(imported({scattered({2})}), std::invalid_argument);
  EXPECT_THROW(imported({astype(traced, float32)}), std::invalid_argument);
}

TEST(Export, HoldsConstantsOfEveryDtype) {
  Arrays constants = {array({true, false, true}), array(complex64_t(1, -2)), array({0.5f, -1.0f})};
  for (const Dtype dtype :
       {uint8, uint16, uint32, uint64, int8, int16, int32, int64, float16, bfloat16, float32, float64}) {
    constants.push_back(astype(array({1, 2, 100}), dtype));
  }
  // A view, and one that is repeated.
  constants.push_back(transpose(scattered({2, 3})));
  constants.push_back(broadcast_to(array({1.0f, 2.0f}), {3, 2}));
  const auto fun = [constants](const Arrays& v) {
    Arrays out;
    for (const array& constant : constants)
      out.push_back(concatenate({flatten(constant), astype(v[0], constant.dtype())}));
    out.insert(out.end(), constants.begin(), constants.end());
    return out;
  };
  const Arrays inputs = {array({1, 0})};
  expect_same(through_file(fun, inputs)(inputs), fun(inputs));
}

TEST(Export, TracesThroughOtherTransforms) {
  const auto layer = [](const Arrays& v) { return Arrays{tanh(matmul(v[0], v[1]))}; };
  const auto custom = custom_vjp(layer, [](const Arrays&, const Arrays& cotangents, const Arrays&) {
    return Arrays{multiply(cotangents[0], array(2.0f)), ones({4, 3})};
  });
  const auto fun = [&](const Arrays& v) {
    const auto loss = [&](const Arrays& x) { return sum(compile(custom)(x)[0]); };
    Arrays out = grad(loss, std::vector<int>{0, 1})(v);
    out.push_back(vmap(std::function<array(const array&)>([](const array& row) { return softmax(row); }))(v[0]));
    out.push_back(checkpoint(layer)(v)[0]);
    return out;
  };
  const Arrays inputs = {astype(scattered({3, 4}), float32), astype(scattered({4, 3}), float32)};
  EXPECT_EQ(inputs[0].dtype(), float32);
  expect_same(through_file(fun, inputs)(inputs), fun(inputs));
}

TEST(Export, RunsOnAnyThreadAndStream) {
  const auto fun = [](const Arrays& v) { return Arrays{exp(matmul(v[0], v[0]))}; };
  const Arrays inputs = {astype(scattered({8, 8}), float32)};
  const TemporaryFile file;
  export_function(file.path(), fun, inputs);
  const Arrays wanted = fun(inputs);
  eval(wanted);
  bool same = false;
  std::thread([&] {
    const StreamContext context(new_stream(Device::cpu));
    const Arrays got = import_function(file.path())(inputs);
    same = got[0].primitive().stream() == default_stream(Device::cpu) && array_equal(got[0], wanted[0]).item<bool>();
  }).join();
  EXPECT_TRUE(same);
}

TEST(Export, ChoosesTheTraceByArguments) {
  const std::function<Arrays(const Args&, const Kwargs&)> fun = [](const Args& args, const Kwargs& kwargs) {
    array out = args[0];
    for (const char* name : {"y", "z"}) {
      if (kwargs.contains(name)) out = add(out, multiply(kwargs.at(name), array(name[0] == 'y' ? 2.0f : 3.0f)));
    }
    return Arrays{out};
  };
  const TemporaryFile file;
  FunctionExporter exporting = exporter(file.path(), fun, false, "text of\nthe caller");
  const array x = array({1.0f, 2.0f});
  const array longer = array({1.0f, 2.0f, 3.0f});
  exporting({x});
  exporting({x}, {{"y", x}});
  exporting({x}, {{"z", x}, {"y", x}});
  exporting({longer}, {{"y", longer}});
  EXPECT_THAT([&] { exporting({x}, {{"y", x}}); }, ::testing::ThrowsMessage<std::runtime_error>(HasSubstr("already")));
  exporting.close();
  exporting.close();
  EXPECT_THROW(exporting({longer}), std::runtime_error);

  const ImportedFunction imported = import_function(file.path());
  EXPECT_EQ(imported.metadata(), "text of\nthe caller");
  expect_same(imported({x}), {x});
  expect_same(imported({x}, {{"y", x}}), {array({3.0f, 6.0f})});
  expect_same(imported({x}, {{"y", x}, {"z", x}}), {array({6.0f, 12.0f})});
  expect_same(imported({longer}, {{"y", longer}}), {array({3.0f, 6.0f, 9.0f})});
  for (const auto& [args, kwargs] : std::vector<std::pair<Args, Kwargs>>{{{longer}, {}},
                                                                         {{astype(x, int32)}, {}},
                                                                         {{x, x}, {}},
                                                                         {{}, {}},
                                                                         {{x}, {{"w", x}}},
                                                                         {{longer}, {{"y", longer}, {"z", longer}}}}) {
    EXPECT_THAT([&] { imported(args, kwargs); },
                ::testing::ThrowsMessage<std::invalid_argument>(HasSubstr("there are 4 of them; ((2) float32)")));
  }
}

TEST(Export, TakesFunctionsOfEitherKind) {
  const TemporaryFile file;
  const array x = array(2.0f);
  const std::function<Arrays(const Kwargs&)> named = [](const Kwargs& v) { return Arrays{square(v.at("x"))}; };
  export_function(file.path(), named, Kwargs{{"x", x}});
  expect_same(import_function(file.path())(Kwargs{{"x", x}}), {array(4.0f)});
  const std::function<Arrays(const Args&)> positional = [](const Args& v) { return Arrays{square(v[0])}; };
  FunctionExporter exporting = exporter(file.path(), positional);
  EXPECT_THROW(exporting(Kwargs{{"x", x}}), std::invalid_argument);
  exporting({x});
  exporting.close();
  expect_same(import_function(file.path())({x}), {array(4.0f)});
}

TEST(Export, LeavesNoHalfFile) {
  const TemporaryFile file;
  const auto fails = [](const Arrays&) -> Arrays { throw std::logic_error("the function's own"); };
  EXPECT_THROW(export_function(file.path(), fails, {array(1.0f)}), std::logic_error);
  EXPECT_THROW(export_function("/nowhere/at/all", [](const Arrays& v) { return v; }, {array(1.0f)}), Error);
  EXPECT_THROW(import_function("/nowhere/at/all"), Error);
}

TEST(Export, SharesConstantsAmongTraces) {
  const array weight = ones({64, 64});
  const auto fun = [&](const Arrays& v) { return Arrays{matmul(v[0], weight)}; };
  const TemporaryFile one;
  export_function(one.path(), fun, {ones({1, 64})});
  const TemporaryFile two;
  FunctionExporter exporting = exporter(two.path(), std::function<Arrays(const Args&)>(fun));
  exporting({ones({1, 64})});
  exporting({ones({2, 64})});
  exporting.close();
  EXPECT_LT(std::filesystem::file_size(two.path()), std::filesystem::file_size(one.path()) + weight.nbytes() / 4);
}

/// The order and the keys that MLX 0.32.4 gives for the same function.
TEST(Export, TellsACallback) {
  std::vector<ExportCallbackInput> told;
  const std::function<Arrays(const Args&, const Kwargs&)> fun = [](const Args& args, const Kwargs& kwargs) {
    return Arrays{sum(multiply(args[0], kwargs.at("y")), 0), sort(args[0])};
  };
  const array w = array({3.0f, 4.0f});
  export_function([&](const ExportCallbackInput& input) { told.push_back(input); }, fun, {ones({2, 2})}, {{"y", w}});
  std::vector<std::string> types;
  types.reserve(told.size());
  for (const auto& one : told) types.push_back(std::get<std::string>(one.at("type")));
  ASSERT_GE(types.size(), 5u);
  EXPECT_THAT(std::vector<std::string>(types.begin(), types.begin() + 5),
              ::testing::ElementsAre("inputs", "keyword_inputs", "outputs", "constants", "primitive"));
  using Described = std::vector<std::tuple<std::string, Shape, Dtype>>;
  EXPECT_EQ(std::get<Described>(told[0].at("inputs")), (Described{{"A", {2, 2}, float32}, {"B", {2}, float32}}));
  using Keywords = std::vector<std::pair<std::string, std::string>>;
  EXPECT_EQ(std::get<Keywords>(told[1].at("keywords")), (Keywords{{"y", "B"}}));
  EXPECT_EQ(std::get<Described>(told[2].at("outputs"))[0], (std::tuple<std::string, Shape, Dtype>{"C", {2}, float32}));
  EXPECT_EQ(std::get<std::string>(told[4].at("name")), "broadcast_to");
  EXPECT_EQ(std::get<std::vector<StateT>>(told[4].at("arguments")), (std::vector<StateT>{Shape{2, 2}}));
}

}  // namespace
}  // namespace mica::testing
