#include "mica/io/gguf_writer.h"

namespace mica {
namespace {

template <typename T>
void put(std::string& out, T value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

void put_string(std::string& out, std::string_view text) {
  put(out, uint64_t{text.size()});
  out += text;
}

void put_bytes(std::string& out, std::span<const std::byte> bytes) {
  out.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

}  // namespace

uint64_t GgufTensorSpec::size() const {
  uint64_t count = 1;
  for (const int64_t dim : dims) count *= static_cast<uint64_t>(dim);
  return count / type->block * type->bytes;
}

void GgufHeader::add_scalar(std::string_view key, GgufType type, std::span<const std::byte> value) {
  ++value_count_;
  put_string(values_, key);
  put(values_, static_cast<uint32_t>(type));
  put_bytes(values_, value);
}

void GgufHeader::add_string(std::string_view key, std::string_view value) {
  ++value_count_;
  put_string(values_, key);
  put(values_, static_cast<uint32_t>(GgufType::string));
  put_string(values_, value);
}

void GgufHeader::add_array(std::string_view key, GgufType type, std::span<const std::byte> values) {
  ++value_count_;
  put_string(values_, key);
  put(values_, static_cast<uint32_t>(GgufType::array));
  put(values_, static_cast<uint32_t>(type));
  put(values_, uint64_t{values.size() / gguf_type_size(type)});
  put_bytes(values_, values);
}

void GgufHeader::add_strings(std::string_view key, std::span<const std::string> values) {
  ++value_count_;
  put_string(values_, key);
  put(values_, static_cast<uint32_t>(GgufType::array));
  put(values_, static_cast<uint32_t>(GgufType::string));
  put(values_, uint64_t{values.size()});
  for (const std::string& value : values) put_string(values_, value);
}

void GgufHeader::add_tensor(const GgufTensorSpec& tensor) {
  ++tensor_count_;
  put_string(tensors_, tensor.name);
  put(tensors_, static_cast<uint32_t>(tensor.dims.size()));
  for (const int64_t dim : tensor.dims) put(tensors_, static_cast<uint64_t>(dim));
  put(tensors_, tensor.type->id);
  put(tensors_, data_size_);
  data_size_ += tensor.size() + padding(tensor.size());
}

std::string GgufHeader::bytes() const {
  std::string out = "GGUF";
  put(out, uint32_t{3});
  put(out, tensor_count_);
  put(out, value_count_);
  out += values_;
  out += tensors_;
  out.append(padding(out.size()), '\0');
  return out;
}

}  // namespace mica
