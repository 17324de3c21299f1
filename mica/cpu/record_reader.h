#pragma once

#include <cstdint>
#include <cstring>

#include "mica/cpu/block_codec.h"
#include "mica/cpu/ggml_blocks.h"
#include "mica/cpu/quantized_matrix.h"

namespace mica::cpu {

/// The records of a matrix of one quantized kind; the matrix has been checked.
template <QuantKind kind>
class RecordReader {
 public:
  explicit RecordReader(const QuantizedMatrix& matrix)
      : codes_(static_cast<const uint8_t*>(matrix.codes)),
        scales_(static_cast<const uint8_t*>(matrix.scales)),
        biases_(static_cast<const uint8_t*>(matrix.biases)),
        row_bytes_(matrix.cols / matrix.format.block_size * matrix.format.block_bytes),
        block_bytes_(matrix.format.block_bytes),
        scales_per_row_(matrix.format.scales_per_row(matrix.cols)),
        scale_bytes_(scale_bytes(matrix.format.scale_type)),
        bits_(matrix.format.bits),
        count_(code_scheme(matrix.format).record) {}

  /// Decodes record `index` of a row.
  void read(int64_t row, int64_t index, CodeRecord& out) const {
    const uint8_t* block = codes_ + row * row_bytes_ + index * block_bytes_;
    if constexpr (kind > QuantKind::nvfp4) return decode_ggml_block<kind>(block, out);
    read_stream(block, out.codes);
    const int64_t at = (row * scales_per_row_ + index) * scale_bytes_;
    out.scale_bits = load_bits(scales_ + at);
    if constexpr (kind == QuantKind::affine) out.bias_bits = load_bits(biases_ + at);
  }

 private:
  /// Codes of `bits_` bits from a little-endian bit stream; their number is a multiple of 16.
  void read_stream(const uint8_t* stream, uint8_t* codes) const {
    if (bits_ == 4) return read_nibbles(stream, codes);
    if (bits_ == 8) {
      for (int i = 0; i < count_; i += 16) ByteVector::load(stream + i).store(codes + i);
      return;
    }
    const uint64_t mask = (1u << bits_) - 1;
    for (int i = 0; i < count_; i += 8, stream += bits_) {
      // Eight codes are a whole number of bytes.
      uint64_t window = 0;
      std::memcpy(&window, stream, static_cast<size_t>(bits_));
      for (int j = 0; j < 8; ++j) codes[i + j] = static_cast<uint8_t>((window >> (bits_ * j)) & mask);
    }
  }

  /// The low nibble first.
  void read_nibbles(const uint8_t* stream, uint8_t* codes) const {
    for (int i = 0; i < count_; i += 16) {
      const __m128i bytes = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(stream + i / 2));
      const __m128i mask = _mm_set1_epi8(15);
      const __m128i low = _mm_and_si128(bytes, mask);
      const __m128i high = _mm_and_si128(_mm_srli_epi16(bytes, 4), mask);
      ByteVector(_mm_unpacklo_epi8(low, high)).store(codes + i);
    }
  }

  uint32_t load_bits(const uint8_t* at) const {
    if (scale_bytes_ == 2) return static_cast<uint32_t>(at[0] | (at[1] << 8));
    if (scale_bytes_ == 1) return at[0];
    uint32_t bits = 0;
    std::memcpy(&bits, at, 4);
    return bits;
  }

  const uint8_t* codes_;
  const uint8_t* scales_;
  const uint8_t* biases_;
  int64_t row_bytes_;
  int64_t block_bytes_;
  int64_t scales_per_row_;
  int scale_bytes_;
  int bits_;
  int count_;  ///< of the codes of a record
};

/// Calls use(reader) with the RecordReader of a quantized matrix.
template <typename Use>
void with_record_reader(const QuantizedMatrix& matrix, Use use) {
  switch (matrix.format.kind) {
    case QuantKind::affine:
      return use(RecordReader<QuantKind::affine>(matrix));
    case QuantKind::mxfp4:
      return use(RecordReader<QuantKind::mxfp4>(matrix));
    case QuantKind::mxfp8:
      return use(RecordReader<QuantKind::mxfp8>(matrix));
    case QuantKind::nvfp4:
      return use(RecordReader<QuantKind::nvfp4>(matrix));
    case QuantKind::q4_0:
      return use(RecordReader<QuantKind::q4_0>(matrix));
    case QuantKind::q4_1:
      return use(RecordReader<QuantKind::q4_1>(matrix));
    case QuantKind::q5_0:
      return use(RecordReader<QuantKind::q5_0>(matrix));
    case QuantKind::q5_1:
      return use(RecordReader<QuantKind::q5_1>(matrix));
    case QuantKind::q8_0:
      return use(RecordReader<QuantKind::q8_0>(matrix));
    case QuantKind::q2_k:
      return use(RecordReader<QuantKind::q2_k>(matrix));
    case QuantKind::q3_k:
      return use(RecordReader<QuantKind::q3_k>(matrix));
    case QuantKind::q4_k:
      return use(RecordReader<QuantKind::q4_k>(matrix));
    case QuantKind::q5_k:
      return use(RecordReader<QuantKind::q5_k>(matrix));
    case QuantKind::q6_k:
      return use(RecordReader<QuantKind::q6_k>(matrix));
    case QuantKind::iq4_nl:
      return use(RecordReader<QuantKind::iq4_nl>(matrix));
    case QuantKind::iq4_xs:
      return use(RecordReader<QuantKind::iq4_xs>(matrix));
    case QuantKind::ggml_mxfp4:
      return use(RecordReader<QuantKind::ggml_mxfp4>(matrix));
    case QuantKind::f32:
    case QuantKind::f16:
    case QuantKind::bf16:
      return;
  }
}

}  // namespace mica::cpu
