#include "tests/cpu/helpers/emulated_tiles.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <stdexcept>

namespace mica::cpu {
namespace {

void require(bool holds, const char* what) {
  if (!holds) throw std::logic_error(what);
}

/// Subnormal numbers count as 0.
float flushed(float value) {
  return std::fpclassify(value) == FP_SUBNORMAL ? std::copysign(0.0f, value) : value;
}

float widened(const uint8_t* bf16) {
  uint16_t bits;
  std::memcpy(&bits, bf16, sizeof bits);
  return flushed(std::bit_cast<float>(uint32_t{bits} << 16));
}

int byte_value(uint8_t byte, bool is_signed) {
  return is_signed ? static_cast<int8_t>(byte) : byte;
}

template <typename T>
T element(const uint8_t* row, int index) {
  T value;
  std::memcpy(&value, row + sizeof(T) * static_cast<size_t>(index), sizeof value);
  return value;
}

template <typename T>
void set_element(uint8_t* row, int index, T value) {
  std::memcpy(row + sizeof(T) * static_cast<size_t>(index), &value, sizeof value);
}

}  // namespace

void EmulatedTiles::configure(const TileConfig& config) {
  require(config.palette == 1 && config.start_row == 0, "LDTILECFG: palette or start row");
  for (const uint8_t byte : config.reserved) require(byte == 0, "LDTILECFG: reserved bytes");
  for (int i = 0; i < 16; ++i) {
    const int rows = config.rows[i];
    const int row_bytes = config.row_bytes[i];
    require(i < 8 || (rows == 0 && row_bytes == 0), "LDTILECFG: a ninth tile");
    require(rows <= 16 && row_bytes <= 64 && (rows == 0) == (row_bytes == 0), "LDTILECFG: size of a tile");
    if (i >= 8) continue;
    tiles_[i] = Tile{};
    tiles_[i].rows = rows;
    tiles_[i].row_bytes = row_bytes;
  }
  is_configured_ = true;
}

void EmulatedTiles::release() {
  for (Tile& tile : tiles_) tile = Tile{};
  is_configured_ = false;
}

const EmulatedTiles::Tile& EmulatedTiles::configured(int tile) const {
  require(is_configured_ && tiles_[tile].rows > 0, "a tile that is not configured");
  return tiles_[tile];
}

void EmulatedTiles::load(int tile, const void* rows, int64_t stride) {
  configured(tile);
  Tile& to = tiles_[tile];
  std::memset(to.bytes, 0, sizeof to.bytes);
  for (int i = 0; i < to.rows; ++i) {
    std::memcpy(to.bytes[i], static_cast<const uint8_t*>(rows) + i * stride, static_cast<size_t>(to.row_bytes));
  }
}

void EmulatedTiles::store(int tile, void* rows, int64_t stride) const {
  const Tile& from = configured(tile);
  for (int i = 0; i < from.rows; ++i) {
    std::memcpy(static_cast<uint8_t*>(rows) + i * stride, from.bytes[i], static_cast<size_t>(from.row_bytes));
  }
}

void EmulatedTiles::zero(int tile) {
  configured(tile);
  std::memset(tiles_[tile].bytes, 0, sizeof tiles_[tile].bytes);
}

void EmulatedTiles::check_product(int sums, int a, int b) const {
  require(sums != a && sums != b && a != b, "a tile twice in a product");
  const Tile& to = configured(sums);
  const Tile& left = configured(a);
  const Tile& right = configured(b);
  require(to.row_bytes % 4 == 0 && left.row_bytes % 4 == 0 && right.row_bytes % 4 == 0, "rows of parts of words");
  require(left.rows == to.rows && right.row_bytes == to.row_bytes && left.row_bytes / 4 == right.rows,
          "tiles whose sizes do not go together");
}

void EmulatedTiles::add_bytes(int sums, int a, int b, bool a_is_signed, bool b_is_signed) {
  check_product(sums, a, b);
  Tile& to = tiles_[sums];
  const Tile& left = tiles_[a];
  const Tile& right = tiles_[b];
  for (int m = 0; m < to.rows; ++m) {
    for (int k = 0; k < left.row_bytes / 4; ++k) {
      for (int n = 0; n < to.row_bytes / 4; ++n) {
        auto sum = element<uint32_t>(to.bytes[m], n);
        for (int i = 0; i < 4; ++i) {
          sum += static_cast<uint32_t>(byte_value(left.bytes[m][4 * k + i], a_is_signed) *
                                       byte_value(right.bytes[k][4 * n + i], b_is_signed));
        }
        set_element(to.bytes[m], n, sum);
      }
    }
  }
}

void EmulatedTiles::add_bf16(int sums, int a, int b) {
  check_product(sums, a, b);
  Tile& to = tiles_[sums];
  const Tile& left = tiles_[a];
  const Tile& right = tiles_[b];
  for (int m = 0; m < to.rows; ++m) {
    // Even and odd columns are added up on their own, each product with one rounding.
    float parts[16][2] = {};
    for (int k = 0; k < left.row_bytes / 4; ++k) {
      for (int n = 0; n < to.row_bytes / 4; ++n) {
        for (int i = 0; i < 2; ++i) {
          const float x = widened(left.bytes[m] + 4 * k + 2 * i);
          const float y = widened(right.bytes[k] + 4 * n + 2 * i);
          parts[n][i] = flushed(std::fma(x, y, parts[n][i]));
        }
      }
    }
    for (int n = 0; n < to.row_bytes / 4; ++n) {
      const float part = flushed(parts[n][0] + parts[n][1]);
      set_element(to.bytes[m], n, flushed(flushed(element<float>(to.bytes[m], n)) + part));
    }
  }
}

}  // namespace mica::cpu
