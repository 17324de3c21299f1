#include "mica/io/gguf_arrays.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>

#include "mica/base/error.h"
#include "mica/base/half.h"
#include "mica/io/gguf.h"
#include "mica/io/gguf_writer.h"
#include "mica/io/stored_array.h"
#include "mica/ops/elementwise.h"
#include "mica/ops/linear.h"
#include "mica/ops/shape.h"

namespace mica {
namespace {

struct PlainType {
  std::string_view name;
  Dtype dtype;
};

/// ggml's types that are dtypes, too.
const std::array<PlainType, 8> kPlainTypes = {{{"F32", float32},
                                               {"F16", float16},
                                               {"BF16", bfloat16},
                                               {"F64", float64},
                                               {"I8", int8},
                                               {"I16", int16},
                                               {"I32", int32},
                                               {"I64", int64}}};

constexpr int kGroup = 32;

/// Codes of one block of 32 values as MLX packs them, with scale and bias.
struct AffineBlock {
  std::array<uint8_t, kGroup> codes{};
  float scale = 0;
  float bias = 0;
};

float half_at(const std::byte* bytes) {
  float16_t value;
  std::memcpy(&value, bytes, sizeof value);
  return static_cast<float>(value);
}

/// ggml keeps the first 16 values in the low halves of the bytes, the other 16 in the high ones.
void read_nibbles(const std::byte* bytes, AffineBlock& block) {
  for (size_t i = 0; i < kGroup / 2; ++i) {
    block.codes[i] = std::to_integer<uint8_t>(bytes[i] & std::byte{15});
    block.codes[i + kGroup / 2] = std::to_integer<uint8_t>(bytes[i] >> 4);
  }
}

AffineBlock read_block(std::string_view type, const std::byte* bytes) {
  AffineBlock block;
  block.scale = half_at(bytes);
  if (type == "Q4_0") {
    block.bias = -8 * block.scale;
    read_nibbles(bytes + 2, block);
  } else if (type == "Q4_1") {
    block.bias = half_at(bytes + 2);
    read_nibbles(bytes + 4, block);
  } else {
    block.bias = -128 * block.scale;
    for (size_t i = 0; i < kGroup; ++i) block.codes[i] = std::to_integer<uint8_t>(bytes[2 + i] ^ std::byte{0x80});
  }
  return block;
}

/// A tensor of Q4_0, Q4_1 or Q8_0 in MLX's form: codes, scales, biases.
std::array<array, 3> affine_arrays(const GgufTensor& tensor) {
  const int bits = tensor.type->name == "Q8_0" ? 8 : 4;
  const auto dims = tensor.shape();
  Shape groups(dims.begin(), dims.end());
  groups.back() /= kGroup;
  Shape words = groups;
  words.back() *= kGroup * bits / 32;
  const size_t blocks = tensor.bytes.size() / tensor.type->bytes;
  array codes(allocator::malloc(blocks * kGroup * static_cast<size_t>(bits) / 8), words, uint32);
  array scales(allocator::malloc(blocks * 2), groups, float16);
  array biases(allocator::malloc(blocks * 2), groups, float16);
  auto* out = codes.data<uint8_t>();
  for (size_t i = 0; i < blocks; ++i) {
    const AffineBlock block = read_block(tensor.type->name, tensor.bytes.data() + i * tensor.type->bytes);
    scales.data<float16_t>()[i] = float16_t(block.scale);
    biases.data<float16_t>()[i] = float16_t(block.bias);
    if (bits == 8) {
      out = std::ranges::copy(block.codes, out).out;
      continue;
    }
    for (size_t j = 0; j < kGroup; j += 2) {
      *out++ = static_cast<uint8_t>(block.codes[j] | block.codes[j + 1] << 4);
    }
  }
  return {codes, scales, biases};
}

array dequantized(const GgufFile& file, const GgufTensor& tensor) {
  const auto format = format_of_ggml_type(tensor.type->id);
  if (!format) {
    fail("{}: tensor {}: type {} is not supported", file.path().string(), mica::quoted(tensor.name), tensor.type->name);
  }
  const auto dims = tensor.shape();
  Shape shape(dims.begin(), dims.end());
  const Shape wanted = shape;
  const int64_t cols = shape.back();
  shape.back() = format->row_bytes(cols);
  if (shape.size() == 1) shape.insert(shape.begin(), 1);
  const StoredMatrix matrix = stored_ggml(array_of_bytes(tensor.owner, tensor.bytes, shape, uint8), *format, cols);
  return reshape(astype(dequantize(matrix), float16), wanted);
}

void add_tensor(const GgufFile& file, const GgufTensor& tensor, std::unordered_map<std::string, array>& out) {
  const std::string_view type = tensor.type->name;
  const auto* plain = std::ranges::find(kPlainTypes, type, &PlainType::name);
  if (plain != kPlainTypes.end()) {
    const auto dims = tensor.shape();
    out.emplace(tensor.name, array_of_bytes(tensor.owner, tensor.bytes, Shape(dims.begin(), dims.end()), plain->dtype));
    return;
  }
  if (type != "Q4_0" && type != "Q4_1" && type != "Q8_0") {
    out.emplace(tensor.name, dequantized(file, tensor));
    return;
  }
  constexpr std::string_view suffix = ".weight";
  const std::string module =
      tensor.name.ends_with(suffix) ? tensor.name.substr(0, tensor.name.size() - suffix.size()) : tensor.name;
  auto [codes, scales, biases] = affine_arrays(tensor);
  out.emplace(tensor.name, std::move(codes));
  out.emplace(module + ".scales", std::move(scales));
  out.emplace(module + ".biases", std::move(biases));
}

struct ValueType {
  GgufType type;
  Dtype dtype;
};

/// GGUF's numbers and the dtypes of the same bits.
const std::array<ValueType, 11> kValueTypes = {{{GgufType::u8, uint8},
                                                {GgufType::i8, int8},
                                                {GgufType::u16, uint16},
                                                {GgufType::i16, int16},
                                                {GgufType::u32, uint32},
                                                {GgufType::i32, int32},
                                                {GgufType::f32, float32},
                                                {GgufType::boolean, bool_},
                                                {GgufType::u64, uint64},
                                                {GgufType::i64, int64},
                                                {GgufType::f64, float64}}};

GGUFMetaData metadata_of(const GgufValue& value) {
  if (value.element_type() == GgufType::string) {
    if (!value.is_array()) return std::string(value.as_string());
    const GgufStrings all = value.as_strings();
    return std::vector<std::string>(all.begin(), all.end());
  }
  const auto* type = std::ranges::find(kValueTypes, value.element_type(), &ValueType::type);
  if (type == kValueTypes.end()) return std::monostate{};
  const std::span<const std::byte> raw = value.raw();
  const allocator::Buffer copy = allocator::malloc(raw.size());
  std::ranges::copy(raw, static_cast<std::byte*>(copy.raw_ptr()));
  return array(copy, value.is_array() ? Shape{static_cast<ShapeElem>(value.count())} : Shape{}, type->dtype);
}

void put_value(GgufHeader& header, const std::string& file, const std::string& key, const GGUFMetaData& value) {
  if (const auto* text = std::get_if<std::string>(&value)) return header.add_string(key, *text);
  if (const auto* texts = std::get_if<std::vector<std::string>>(&value)) return header.add_strings(key, *texts);
  const auto* number = std::get_if<array>(&value);
  if (!number) return;
  const auto* type = std::ranges::find(kValueTypes, number->dtype(), &ValueType::dtype);
  if (type == kValueTypes.end() || number->ndim() > 1) {
    fail("{}: metadata {}: {} of shape {} has no form in GGUF", file, mica::quoted(key), dtype_name(number->dtype()),
         to_string(number->shape()));
  }
  const array stored = stored_form(*number);
  if (number->ndim() == 0) return header.add_scalar(key, type->type, bytes_of(stored));
  header.add_array(key, type->type, bytes_of(stored));
}

GgufTensorSpec spec_of(const std::string& file, const std::string& name, const array& a) {
  const auto* plain = std::ranges::find(kPlainTypes, a.dtype(), &PlainType::dtype);
  if (plain == kPlainTypes.end() || a.ndim() > 4) {
    fail(
        "{}: array {}: {} of shape {} has no form in GGUF; use float32, float16, bfloat16, float64, int8, int16, int32 "
        "or int64 of at most 4 axes",
        file, mica::quoted(name), dtype_name(a.dtype()), to_string(a.shape()));
  }
  return {name, find_ggml_type(plain->name), {a.shape().rbegin(), a.shape().rend()}};
}

template <typename T>
std::vector<std::string> sorted_keys(const std::unordered_map<std::string, T>& map) {
  std::vector<std::string> out;
  out.reserve(map.size());
  for (const auto& [key, unused] : map) out.push_back(key);
  std::ranges::sort(out);
  return out;
}

}  // namespace

GGUFLoad load_gguf(const std::string& file, StreamOrDevice) {
  const GgufFile gguf = GgufFile::open(file);
  GGUFLoad out;
  for (const GgufTensor& tensor : gguf.tensors()) add_tensor(gguf, tensor, out.first);
  for (const GgufValue& value : gguf.values()) out.second.emplace(value.key(), metadata_of(value));
  return out;
}

void save_gguf(const std::string& file, const std::unordered_map<std::string, array>& arrays,
               const std::unordered_map<std::string, GGUFMetaData>& metadata) {
  GgufHeader header;
  for (const std::string& key : sorted_keys(metadata)) put_value(header, file, key, metadata.at(key));
  std::vector<array> values;
  values.reserve(arrays.size());
  for (const std::string& name : sorted_keys(arrays)) {
    values.push_back(stored_form(arrays.at(name)));
    header.add_tensor(spec_of(file, name, values.back()));
  }
  constexpr std::array<std::byte, GgufHeader::kAlignment> zeros{};
  write_file_named(file, ".gguf", [&](ByteSink sink) {
    sink(as_bytes(header.bytes()));
    for (const array& a : values) {
      sink(bytes_of(a));
      sink(std::span(zeros).first(GgufHeader::padding(a.nbytes())));
    }
  });
}

}  // namespace mica
