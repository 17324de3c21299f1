// A program that was written against MLX's headers, on mica.

#include <fstream>
#include <iterator>
#include <sstream>

#include <gtest/gtest.h>

#include "mica/mica.h"

namespace mlx {
namespace core = ::mica;
}  // namespace mlx

#include "operator_dtypes.h"

namespace {

namespace mx = mlx::core;

TEST(MlxProgram, OperatorsGiveMlxsDtypes) {
  std::ifstream in(MICA_TEST_FIXTURES "/names/operators.txt");
  const std::string expected((std::istreambuf_iterator<char>(in)), {});
  ASSERT_FALSE(expected.empty());
  EXPECT_EQ(operator_dtypes(), expected);
}

TEST(MlxProgram, PrintsShapesAndNumbers) {
  std::ostringstream out;
  out << mx::Shape{2, 3} << mx::Strides{} << mx::float16 << mx::Device(mx::Device::cpu);
  EXPECT_EQ(out.str(), "(2,3)()float16Device(cpu, 0)");
}

TEST(MlxProgram, FindsNoKernelsOfGpus) {
  EXPECT_FALSE(mx::metal::is_available());
  EXPECT_EQ(mx::gpu::device_count() > 0, mx::gpu::is_available());
  const mx::fast::CustomKernelFunction kernel = mx::fast::metal_kernel("k", {"x"}, {"y"}, "y = x;");
  EXPECT_THROW(kernel({mx::array(1.0f)}, {{1}}, {mx::float32}, {1, 1, 1}, {1, 1, 1}, {}, {}, false, {}),
               std::runtime_error);
  EXPECT_THROW(mx::fast::cuda_kernel("k", {"x"}, {"y"}, "y = x;"), std::runtime_error);
  EXPECT_THROW(
      mx::fast::precompiled_cuda_kernel("k", "", {mx::array(1.0f)}, {{1}}, {mx::float32}, {}, {1, 1, 1}, {1, 1, 1}),
      std::runtime_error);
}

TEST(MlxProgram, TakesAFactoryForJacclOnly) {
  const mx::distributed::AllGatherFactory factory = [](int, int) { return [](const char*, char*, size_t) {}; };
  EXPECT_EQ(mx::distributed::init(false, "jaccl", factory).size(), 1);
  EXPECT_THROW(mx::distributed::init(true, "jaccl", factory), std::runtime_error);
  EXPECT_THROW(mx::distributed::init(false, "mpi", factory), std::invalid_argument);
}

}  // namespace
