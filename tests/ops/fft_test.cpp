// Fourier transforms against MLX: tests/fixtures/ops/fft.json, made by tests/oracle/fft_oracle.py; and against the
// definition for lengths of every kind.

#include "mica/ops/fft.h"

#include <complex>
#include <numbers>

#include "mica/ops/create.h"
#include "mica/ops/index.h"
#include "mica/ops/random.h"
#include "mica/ops/reduce.h"
#include "mica/transforms/transforms.h"
#include "tests/ops/cases.h"

namespace mica {
namespace {

using test::Op;
using test::Tolerance;
using Inputs = std::vector<array>;
using fft::FFTNorm;

FFTNorm norm_of(const Json& args) {
  const auto name = args.value("norm", "backward");
  return name == "ortho" ? FFTNorm::Ortho : name == "forward" ? FFTNorm::Forward : FFTNorm::Backward;
}

using One = array (*)(const array&, int, FFTNorm, StreamOrDevice);
using OneOfLength = array (*)(const array&, int, int, FFTNorm, StreamOrDevice);
using Two = array (*)(const array&, const std::vector<int>&, FFTNorm, StreamOrDevice);
using TwoOfLength = array (*)(const array&, const Shape&, const std::vector<int>&, FFTNorm, StreamOrDevice);
using Many = array (*)(const array&, FFTNorm, StreamOrDevice);

Op along_one(One f, OneOfLength g) {
  return [f, g](const Inputs& x, const Json& a) -> Inputs {
    if (!a.contains("n")) return {f(x[0], -1, norm_of(a), {})};
    return {g(x[0], a["n"][0].get<int>(), a["axes"][0].get<int>(), norm_of(a), {})};
  };
}
Op along_several(Two f, TwoOfLength g, Many all) {
  return [f, g, all](const Inputs& x, const Json& a) -> Inputs {
    if (!a.contains("axes")) return {all ? all(x[0], norm_of(a), {}) : f(x[0], {-2, -1}, norm_of(a), {})};
    const auto axes = a["axes"].get<std::vector<int>>();
    if (!a.contains("n")) return {f(x[0], axes, norm_of(a), {})};
    return {g(x[0], test::shape_from(a["n"]), axes, norm_of(a), {})};
  };
}
std::optional<int> number(const Json& args, const char* key) {
  return args.contains(key) ? std::make_optional(args[key].get<int>()) : std::nullopt;
}
std::optional<bool> sides(const Json& args) {
  return args.contains("onesided") ? std::make_optional(args["onesided"].get<bool>()) : std::nullopt;
}
std::optional<array> window(const Inputs& x, const Json& args) {
  return args.contains("window") ? std::make_optional(x[1]) : std::nullopt;
}
Inputs stft(const Inputs& x, const Json& a) {
  return {fft::stft(x[0], a.at("n_fft").get<int>(), number(a, "hop_length"), number(a, "win_length"), window(x, a),
                    a.value("center", true), a.value("pad_mode", "reflect"), norm_of(a), sides(a))};
}
Inputs istft(const Inputs& x, const Json& a) {
  return {fft::istft(x[0], number(a, "n_fft"), number(a, "hop_length"), number(a, "win_length"), window(x, a),
                     a.value("center", true), norm_of(a), sides(a), number(a, "length"))};
}
Op shift(array (*all)(const array&, StreamOrDevice),
         array (*some)(const array&, const std::vector<int>&, StreamOrDevice)) {
  return [all, some](const Inputs& x, const Json& a) -> Inputs {
    return {a.contains("axes") ? some(x[0], a["axes"].get<std::vector<int>>(), {}) : all(x[0], {})};
  };
}
Op gradient(One f) {
  return [f](const Inputs& x, const Json&) -> Inputs {
    const auto run = [f](const Inputs& v) -> Inputs { return {f(v[0], -1, FFTNorm::Backward, {})}; };
    return vjp(run, {x[0]}, {x[1]}).second;
  };
}

const std::map<std::string, Op>& ops() {
  static const std::map<std::string, Op> table = {
      {"fft", along_one(&fft::fft, &fft::fft)},
      {"ifft", along_one(&fft::ifft, &fft::ifft)},
      {"rfft", along_one(&fft::rfft, &fft::rfft)},
      {"irfft", along_one(&fft::irfft, &fft::irfft)},
      {"fft2", along_several(&fft::fft2, &fft::fft2, nullptr)},
      {"ifft2", along_several(&fft::ifft2, &fft::ifft2, nullptr)},
      {"rfft2", along_several(&fft::rfft2, &fft::rfft2, nullptr)},
      {"irfft2", along_several(&fft::irfft2, &fft::irfft2, nullptr)},
      {"fftn", along_several(&fft::fftn, &fft::fftn, &fft::fftn)},
      {"ifftn", along_several(&fft::ifftn, &fft::ifftn, &fft::ifftn)},
      {"rfftn", along_several(&fft::rfftn, &fft::rfftn, &fft::rfftn)},
      {"irfftn", along_several(&fft::irfftn, &fft::irfftn, &fft::irfftn)},
      {"fftfreq", [](const Inputs&, const Json& a) -> Inputs { return {fft::fftfreq(a.at("n").get<int>(), 0.5)}; }},
      {"rfftfreq", [](const Inputs&, const Json& a) -> Inputs { return {fft::rfftfreq(a.at("n").get<int>(), 0.5)}; }},
      {"fftshift", shift(&fft::fftshift, &fft::fftshift)},
      {"ifftshift", shift(&fft::ifftshift, &fft::ifftshift)},
      {"stft", stft},
      {"istft", istft},
      {"fft_vjp", gradient(&fft::fft)},
      {"rfft_vjp", gradient(&fft::rfft)},
      {"irfft_vjp", gradient(&fft::irfft)},
  };
  return table;
}

/// float32 rounding over a few passes, of numbers up to about ten.
Tolerance tolerance(const std::string&, Dtype) {
  return {2e-6, 5e-6};
}

TEST(Fft, AsMlx) {
  test::run_cases("fft", ops(), tolerance);
}

using Numbers = std::vector<std::complex<double>>;

Numbers complex_elements(const array& x) {
  const std::vector<double> parts = test::elements(astype(x, complex64));
  Numbers out;
  for (size_t i = 0; i < parts.size(); i += 2) out.emplace_back(parts[i], parts[i + 1]);
  return out;
}

/// Result k of the definition: Σ x[j] · exp(−2πi jk / n) in double precision.
std::complex<double> definition(const Numbers& x, int64_t k) {
  const auto n = static_cast<int64_t>(x.size());
  std::complex<double> sum = 0;
  for (int64_t j = 0; j < n; ++j) {
    const double angle = -2 * std::numbers::pi * static_cast<double>(j * k % n) / static_cast<double>(n);
    sum += x[static_cast<size_t>(j)] * std::polar(1.0, angle);
  }
  return sum;
}

/// Compares `tests` results of a transform of all of x with the definition.
void expect_defined(const array& x, const array& result, int64_t tests) {
  const Numbers from = complex_elements(x);
  const Numbers got = complex_elements(result);
  const auto count = static_cast<int64_t>(got.size());
  const double size = std::sqrt(static_cast<double>(from.size()));  // of a result
  for (int64_t i = 0; i < tests; ++i) {
    const int64_t k = tests < count ? i * 7919 % count : i;
    ASSERT_LT(std::abs(got[static_cast<size_t>(k)] - definition(from, k)), 3e-6 * size) << k;
  }
}

array row_of(const array& x, int row) {
  return slice(x, {row, 0}, Shape{row + 1, x.shape(1)}, Shape{1, 1});
}

TEST(Fft, EveryKindOfLength) {
  // Powers, products of all small factors, primes, prime squares, and products with a large prime.
  for (const int n : {16, 27, 25, 49, 121, 169, 128, 210, 360, 1001, 97, 289, 38, 1024, 509, 262, 1009, 4099}) {
    SCOPED_TRACE(n);
    const array x = random::normal({n}, complex64, random::key(static_cast<uint64_t>(n)));
    expect_defined(x, fft::fft(x), n);
    test::expect_close(fft::ifft(fft::fft(x)), x, {0, 3e-6});
    const array r = random::normal({2, n}, float32, random::key(7));
    test::expect_close(fft::irfft(fft::rfft(r), n, -1), r, {0, 3e-6});
    test::expect_close(fft::rfft(r), slice(fft::fft(r), {0, 0}, Shape{2, n / 2 + 1}, Shape{1, 1}),
                       {0, 3e-6 * std::sqrt(n)});
  }
}

TEST(Fft, ManyRows) {
  // Many rows are transformed together, a few one by one; 19 rows and odd halves leave parts of vectors.
  for (const int n : {2,   3,    8,    12,   31,   32,  64,  97,  127, 250,  500,  512,
                      768, 1000, 1024, 1536, 2048, 131, 194, 251, 257, 1009, 1018, 4099}) {
    SCOPED_TRACE(n);
    const array x = random::normal({19, n}, complex64, random::key(static_cast<uint64_t>(n)));
    const array real = random::normal({19, n}, float32, random::key(5));
    const array y = fft::fft(x);
    const array half = fft::rfft(real);
    for (const int row : {0, 7, 18}) {
      expect_defined(row_of(x, row), row_of(y, row), std::min(n, 100));
      expect_defined(row_of(real, row), row_of(half, row), std::min(n / 2 + 1, 100));
    }
    test::expect_close(fft::ifft(y), x, {0, 3e-6});
    test::expect_close(fft::irfft(half, n, -1), real, {0, 3e-6});
  }
}

TEST(Fft, LongRows) {
  for (const int n : {40960, 65536, 66000, 1 << 17, 10007, 65537}) {
    SCOPED_TRACE(n);
    const array x = random::normal({1, n}, complex64, random::key(1));
    const array real = random::normal({1, n}, float32, random::key(2));
    expect_defined(x, fft::fft(x), 40);
    expect_defined(real, fft::rfft(real), 40);
    test::expect_close(fft::ifft(fft::fft(x)), x, {0, 3e-6});
    test::expect_close(fft::irfft(fft::rfft(real), n, -1), real, {0, 3e-6});
  }
}

TEST(Fft, GradientsOfManyRowsAreThoseOfEach) {
  for (const int n : {9, 64, 500, 1000}) {
    SCOPED_TRACE(n);
    const array real = random::normal({19, n}, float32, random::key(3));
    const array half = random::normal({19, n / 2 + 1}, complex64, random::key(4));
    const auto of_real = [](const Inputs& v) -> Inputs { return {fft::rfft(v[0])}; };
    const auto to_real = [n](const Inputs& v) -> Inputs { return {fft::irfft(v[0], n, -1)}; };
    const array of_real_all = vjp(of_real, {real}, {half}).second[0];
    const array to_real_all = vjp(to_real, {half}, {real}).second[0];
    for (const int row : {0, 18}) {
      const Inputs r = {row_of(real, row)};
      const Inputs h = {row_of(half, row)};
      test::expect_close(row_of(of_real_all, row), vjp(of_real, r, h).second[0], {1e-5, 1e-5 * std::sqrt(n)});
      test::expect_close(row_of(to_real_all, row), vjp(to_real, h, r).second[0], {1e-5, 1e-5});
    }
  }
}

TEST(Fft, LongTransform) {
  // Of a single wave all but two places are zero.
  constexpr int kLength = 1 << 16;
  const array places = astype(arange(0, kLength), float64);
  const array wave = astype(cos(multiply(places, array(2 * std::numbers::pi * 5 / kLength, float64))), float32);
  const array magnitude = abs(fft::rfft(wave));
  EXPECT_NEAR(take(magnitude, 5, 0).item<float>(), kLength / 2.0, 0.05);
  EXPECT_LT(max(slice(magnitude, {6}, Shape{kLength / 2 + 1}, Shape{1})).item<float>(), 0.05f);
}

TEST(Fft, WrongArguments) {
  const array x = zeros({4, 6});
  EXPECT_THROW(fft::fft(x, 0, -1), std::invalid_argument);
  EXPECT_THROW(fft::fft(zeros({3, 0})), std::invalid_argument);
  EXPECT_THROW(fft::fft(x, 3), std::invalid_argument);
  EXPECT_THROW(fft::fftn(x, {0, -2}), std::invalid_argument);
  EXPECT_THROW(fft::fftn(x, Shape{3}, {0, 1}), std::invalid_argument);
  EXPECT_THROW(fft::irfft(zeros({1})), std::invalid_argument);
  EXPECT_THROW(fft::fftfreq(0), std::invalid_argument);
  EXPECT_THROW(fft::stft(x, 8, std::nullopt, 9), std::invalid_argument);
  EXPECT_THROW(fft::stft(x, 8, 0), std::invalid_argument);
  EXPECT_THROW(fft::stft(x, 8, std::nullopt, std::nullopt, std::nullopt, false), std::invalid_argument);
  EXPECT_THROW(fft::istft(zeros({3})), std::invalid_argument);
  EXPECT_EQ(fft::fft(zeros({0, 3})).shape(), (Shape{0, 3}));
}

}  // namespace
}  // namespace mica
