// Products of codes whose groups have biases, these added by pairs.

#define MICA_ISA_NS avx512bf16
#include "mica/cpu/kernels/int8_product.h"
#include "mica/cpu/kernels/products.h"

namespace mica::cpu::avx512bf16 {

void biased_int8_product(const PanelProduct& product) {
  with_code(product.layout->code, [&]<typename Code>() {
    const bool is_f16 = product.layout->scale == PanelScale::f16;
    if (is_f16) return tile_product<Int8Block<Code, PairedScales<PanelScale::f16>>>(product);
    tile_product<Int8Block<Code, PairedScales<PanelScale::bf16>>>(product);
  });
}

void pair_rows(const float* rows, int64_t count, int32_t width, uint32_t* pairs) {
  for (int64_t row = 0; row < count; row += 2, rows += 2 * width, pairs += width) {
    const __m512i words = make_pairs(F32::load(rows, width), F32::load(rows + width, width));
    _mm512_mask_storeu_epi32(pairs, F32::first(width), words);
  }
}

}  // namespace mica::cpu::avx512bf16
