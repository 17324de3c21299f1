#include "mica/lm/weights.h"

#include <algorithm>
#include <span>
#include <string_view>

#include <nlohmann/json.hpp>

#include "mica/base/error.h"
#include "mica/ops/create.h"
#include "mica/ops/elementwise.h"
#include "mica/ops/shape.h"

namespace mica::lm {
namespace {

/// Fowler, Noll and Vo's hash of 64 bits, FNV-1a.
class Fingerprint {
 public:
  void add(std::span<const std::byte> bytes) {
    for (const std::byte byte : bytes) value_ = (value_ ^ static_cast<uint64_t>(byte)) * 0x100000001b3;
  }
  void add(std::string_view text) {
    add(std::as_bytes(std::span(text)));
    add(std::span(reinterpret_cast<const std::byte*>("\0"), 1));
  }
  /// The bytes' first, middle and last ones: all of a model's would take as long to read as packing it.
  void add_sample(std::span<const std::byte> bytes) {
    const size_t part = std::min<size_t>(bytes.size(), 64);
    for (const size_t begin : {size_t{0}, (bytes.size() - part) / 2, bytes.size() - part}) {
      add(bytes.subspan(begin, part));
    }
  }
  uint64_t value() const { return value_; }

 private:
  uint64_t value_ = 0xcbf29ce484222325;
};

}  // namespace

void Weights::add(const std::string& path, array value) {
  arrays_.insert_or_assign(path, std::move(value));
}

void Weights::add_blocks(const std::string& path, StoredMatrix matrix) {
  blocks_.insert_or_assign(path, std::move(matrix));
}

bool Weights::has(const std::string& path) const {
  return arrays_.contains(path) || blocks_.contains(path);
}

std::vector<std::string> Weights::paths() const {
  std::vector<std::string> out;
  out.reserve(arrays_.size() + blocks_.size());
  for (const auto& [path, unused] : arrays_) out.push_back(path);
  for (const auto& [path, unused] : blocks_) out.push_back(path);
  return out;
}

void Weights::rename(const std::string& from, const std::string& to) {
  if (auto node = arrays_.extract(from)) {
    node.key() = to;
    arrays_.insert(std::move(node));
  }
  if (auto node = blocks_.extract(from)) {
    node.key() = to;
    blocks_.insert(std::move(node));
  }
}

void Weights::drop(const std::string& path) {
  arrays_.erase(path);
  blocks_.erase(path);
}

const array& Weights::take(const std::string& path) {
  const auto found = arrays_.find(path);
  if (found == arrays_.end()) fail("{}: the parameter {} is missing", config_.name(), path);
  used_.insert(path);
  return found->second;
}

void Weights::make_up_missing(int bits, int group_size) {
  make_up_ = MakeUp{bits, group_size};
}

StoredMatrix Weights::made_up_matrix(const Shape& shape, const MakeUp& how) {
  // A cheap generator: what counts is that no two rows are alike, not how random they are.
  uint64_t state = 0x9e3779b97f4a7c15u * static_cast<uint64_t>(shape.back() + shape[shape.size() - 2]);
  const auto next = [&] {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
  };
  if (how.bits == 16) {
    array out(allocator::malloc(2 * element_count(shape)), shape, bfloat16);
    for (size_t i = 0; i < out.size(); ++i) {
      out.data<bfloat16_t>()[i] = bfloat16_t((static_cast<float>(next() >> 40) * 0x1p-24f - 0.5f) * 0.05f);
    }
    return stored_dense(out);
  }
  Shape codes_shape = shape;
  codes_shape.back() = shape.back() * how.bits / 32;
  Shape scales_shape = shape;
  scales_shape.back() = shape.back() / how.group_size;
  array codes(allocator::malloc(4 * element_count(codes_shape)), codes_shape, uint32);
  for (size_t i = 0; i < codes.size(); ++i) codes.data<uint32_t>()[i] = static_cast<uint32_t>(next() >> 32);
  const float scale = 0.05f / static_cast<float>(1 << how.bits);
  const std::vector<float> scales(element_count(scales_shape), scale);
  const std::vector<float> biases(scales.size(), -0.025f);
  return stored_quantized(codes, array(scales.data(), scales_shape, bfloat16),
                          array(biases.data(), scales_shape, bfloat16), how.group_size, how.bits, "affine");
}

array Weights::vector(const std::string& path, const Shape& shape) {
  if (make_up_ && !has(path)) {
    array out = ones(shape, float32);
    out.eval();
    return out;
  }
  const array& value = take(path);
  if (value.shape() != shape) {
    fail("{}: the parameter {} has the shape {}, the configuration asks for {}", config_.name(), path,
         to_string(value.shape()), to_string(shape));
  }
  array out = contiguous(astype(value, float32));
  out.eval();
  return out;
}

Weights::Quantization Weights::quantization_of(const std::string& module) const {
  auto found = config_.object("quantization");
  if (!found) found = config_.object("quantization_config");
  if (!found) {
    fail("{}: {} is quantized, but there is no key quantization that tells how", config_.name(), module);
  }
  const Config& section = *found;
  // An entry of its own wins over the model's; null there means the mode's default.
  const bool own = section.has(module) && section.json().at(module).is_object();
  const Config entry = own ? section.object(module).value_or(section) : section;
  const std::string mode = entry.text("mode", section.text("mode", "affine"));
  const int default_group = mode == "nvfp4" ? 16 : mode == "affine" ? 64 : 32;
  return {entry.integer("group_size", default_group), entry.integer("bits", mode == "mxfp8" ? 8 : 4), mode};
}

StoredMatrix Weights::matrix(const std::string& module, const Shape& shape) {
  StoredMatrix out = table(module, shape);
  matrices_.insert_or_assign(module, out);
  if (packed_) packed_->lend(module, out);
  return out;
}

StoredMatrix Weights::table(const std::string& module, const Shape& shape) {
  const std::string path = module + ".weight";
  const auto as_stored = [&]() -> StoredMatrix {
    if (const auto found = blocks_.find(path); found != blocks_.end()) {
      used_.insert(path);
      return found->second;
    }
    if (make_up_ && !has(path)) return made_up_matrix(shape, *make_up_);
    const array& codes = take(path);
    if (!has(module + ".scales")) return stored_dense(codes);
    const Quantization how = quantization_of(module);
    std::optional<array> biases;
    if (has(module + ".biases")) biases = take(module + ".biases");
    return stored_quantized(codes, take(module + ".scales"), biases, how.group_size, how.bits, how.mode);
  };
  try {
    StoredMatrix stored = as_stored();
    if (stored.shape == shape) return stored;
    fail("it has the shape {}, the configuration asks for {}", to_string(stored.shape), to_string(shape));
  } catch (const std::exception& error) {
    fail("{}: the parameter {}: {}", config_.name(), path, error.what());
  }
}

std::vector<std::string> Weights::unused() const {
  std::vector<std::string> out;
  for (const std::string& path : paths()) {
    if (!used_.contains(path)) out.push_back(path);
  }
  return out;
}

uint64_t Weights::fingerprint() const {
  Fingerprint out;
  const auto add = [&](const std::string& path, const std::string& type, const array& value) {
    out.add(path);
    out.add(type);
    out.add(to_string(value.shape()));
    if (value.is_available() && value.flags().row_contiguous) out.add_sample({value.data<std::byte>(), value.nbytes()});
  };
  for (const auto& [path, value] : arrays_) add(path, std::string(dtype_name(value.dtype())), value);
  for (const auto& [path, matrix] : blocks_) add(path, matrix.format.name(), matrix.codes);
  return out.value();
}

uint64_t Weights::bytes() const {
  uint64_t out = 0;
  for (const auto& [path, value] : arrays_) out += value.nbytes();
  for (const auto& [path, matrix] : blocks_) out += matrix.codes.nbytes();
  return out;
}

std::string Weights::most_common_format() const {
  std::map<std::string, size_t> values;
  for (const auto& [path, value] : arrays_) values[std::string(dtype_name(value.dtype()))] += value.size();
  for (const auto& [path, matrix] : blocks_) values[matrix.format.name()] += element_count(matrix.shape);
  const auto most =
      std::max_element(values.begin(), values.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
  return most == values.end() ? "none" : most->first;
}

void Weights::stack_experts(const std::string& module, int count, const std::string& name, const std::string& stacked) {
  std::vector<array> parts;
  for (int i = 0; i < count; ++i) {
    const std::string path = fmt::format("{}.{}.{}", module, i, name);
    parts.push_back(take(path));
    arrays_.erase(path);
  }
  add(stacked, stack(parts, 0));
}

void Weights::split_rows(const std::string& path, int64_t rows, const std::string& first, const std::string& second) {
  const array whole = take(path);
  arrays_.erase(path);
  const auto parts = split(whole, Shape{rows}, -2);
  add(first, parts[0]);
  add(second, parts[1]);
}

}  // namespace mica::lm
