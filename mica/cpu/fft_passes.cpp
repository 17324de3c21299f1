#include "mica/cpu/fft_passes.h"

#include <bit>

#include "mica/base/cpu_info.h"
#include "mica/cpu/fft_turns.h"

namespace mica::cpu {
namespace {

/// A pass's kernel has the multiples of the angle written out up to this radix.
constexpr int kLargestWrittenOut = 13;

/// The factors of n in the order of the passes: eights and fours for the twos, then the odd primes. What is left of n
/// when its factors are too large is the last one.
std::vector<int64_t> factors_of(int64_t n) {
  std::vector<int64_t> out;
  int twos = std::countr_zero(static_cast<uint64_t>(n));
  n >>= twos;
  for (; twos >= 5 || twos == 3; twos -= 3) out.push_back(8);
  for (; twos >= 2; twos -= 2) out.push_back(4);
  if (twos == 1) out.push_back(2);
  for (int64_t prime = 3; prime <= kLargestFourierRadix && prime <= n; prime += 2) {
    for (; n % prime == 0; n /= prime) out.push_back(prime);
  }
  if (n > 1) out.push_back(n);
  return out;
}

FourierKernels chosen_kernels() {
  const Isa isa = active_isa();
  return isa >= Isa::avx512 ? avx512::fourier_kernels()
         : isa >= Isa::avx2 ? avx2::fourier_kernels()
                            : reference::fourier_kernels();
}

void append(std::vector<float>& to, double first, double second) {
  to.push_back(static_cast<float>(first));
  to.push_back(static_cast<float>(second));
}

/// FourierPass::circle.
std::vector<float> circle_of(int64_t radix) {
  std::vector<float> out;
  const int64_t half = radix / 2;
  const auto add = [&](int64_t k) {
    const FourierNumber turn = fourier_turn(k % radix, radix);
    append(out, turn.re, -turn.im);
  };
  if (radix <= kLargestWrittenOut) {
    for (int64_t j = 0; j <= half; ++j) add(j);
    return out;
  }
  for (int64_t k = 1; k <= half; ++k) {
    for (int64_t j = 1; j <= half; ++j) add(j * k);
  }
  return out;
}

/// Operations of one pass a number of the result; the constant is for going through memory.
double cost_of(int64_t radix) {
  constexpr double kMemory = 4;
  const double arithmetic = radix == 2 ? 3 : radix == 4 ? 5 : radix == 8 ? 7 : 3.0 + static_cast<double>(radix);
  return kMemory + arithmetic;
}

}  // namespace

const FourierKernels& fourier_kernels() {
  static const FourierKernels kernels = chosen_kernels();
  return kernels;
}

bool FourierPasses::can_do(int64_t n) {
  const std::vector<int64_t> factors = factors_of(n);
  return factors.empty() || factors.back() <= kLargestFourierRadix;
}

FourierPasses::FourierPasses(int64_t n) : n_(n) {
  const std::vector<FourierNumber> circle = fourier_turns(n, n);
  int64_t rest = n;
  int64_t side = 1;
  for (const int64_t radix : factors_of(n)) {
    rest /= radix;
    Pass pass{static_cast<int>(radix), {}, radix % 2 == 0 ? std::vector<float>() : circle_of(radix)};
    for (int64_t p = 0; rest > 1 && p < rest; ++p) {
      for (int64_t k = 1; k < radix; ++k) {
        const FourierNumber turn = circle[static_cast<size_t>(p * k * side)];
        append(pass.turns, turn.re, turn.im);
      }
    }
    passes_.push_back(std::move(pass));
    side *= radix;
  }
}

double FourierPasses::cost(int64_t n) {
  double out = 0;
  for (const int64_t radix : factors_of(n)) out += cost_of(radix);
  return out;
}

void FourierPasses::run(const FourierSource& source, const FourierTarget& target, float* const (&spare)[2],
                        const FourierSource& factors) const {
  const auto kernel = fourier_kernels().pass;
  FourierPass next = {};
  next.rest = n_;
  next.side = 1;
  next.source = source;
  for (size_t i = 0; i < passes_.size(); ++i) {
    const Pass& pass = passes_[i];
    const bool is_last = i + 1 == passes_.size();
    next.radix = pass.radix;
    next.rest /= pass.radix;
    next.target = is_last ? target : tile(spare[i % 2]);
    next.turns = pass.turns.data();
    next.circle = pass.circle.data();
    if (is_last) next.factors = factors;
    kernel(next);
    next.source = {next.target.re, next.target.im, next.target.step};
    next.side *= pass.radix;
  }
}

}  // namespace mica::cpu
