#include "mica/io/gguf_parser.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>
#include <numeric>
#include <unordered_set>

#include "mica/base/checked.h"
#include "mica/base/error.h"

namespace mica {
namespace {

static_assert(std::endian::native == std::endian::little, "values are read in place");

constexpr uint32_t kMagic = 0x46554747;  // "GGUF"
constexpr size_t kMaxKeyBytes = 65535;
constexpr size_t kMaxTensorNameBytes = 64;
constexpr uint32_t kMaxDims = 4;
constexpr uint64_t kMaxAlignment = uint64_t{1} << 30;
// The fewest bytes that one entry takes (length, one character, type, one byte; length, character, rank, type,
// offset). They bound the counts that a file may claim.
constexpr size_t kMinValueBytes = 8 + 1 + 4 + 1;
constexpr size_t kMinTensorBytes = 8 + 1 + 4 + 4 + 8;

}  // namespace

template <typename... Args>
void GgufParser::fail_here(fmt::format_string<Args...> format, Args&&... args) const {
  fail("{}: offset {}: {}", file_->path().string(), at_, fmt::format(format, std::forward<Args>(args)...));
}

template <typename T>
T GgufParser::read(std::string_view what) {
  if (left() < sizeof(T)) fail_here("the file ends inside {}", what);
  T value;
  std::memcpy(&value, file_->bytes().data() + at_, sizeof(T));
  at_ += sizeof(T);
  return value;
}

std::string_view GgufParser::read_string(std::string_view what) {
  const auto size = read<uint64_t>(what);
  if (size > left()) {
    at_ -= sizeof(uint64_t);
    fail_here("{} claims {} bytes, {} are left", what, size, left() - sizeof(uint64_t));
  }
  const auto* text = reinterpret_cast<const char*>(file_->bytes().data() + at_);
  at_ += size;
  return {text, size};
}

std::string_view GgufParser::read_name(std::string_view what, size_t max_bytes) {
  const size_t start = at_;
  const std::string_view name = read_string(what);
  const auto refuse = [&](std::string_view why) {
    at_ = start;
    fail_here("{} {} {}", what, quoted(name), why);
  };
  if (name.empty()) refuse("is empty");
  if (name.size() > max_bytes) refuse(fmt::format("has {} bytes, more than {}", name.size(), max_bytes));
  if (name.find('\0') != std::string_view::npos) refuse("contains a zero byte");
  return name;
}

GgufType GgufParser::read_type(std::string_view key) {
  const auto type = read<uint32_t>("a value's type");
  if (type > static_cast<uint32_t>(GgufType::f64)) {
    at_ -= sizeof(uint32_t);
    fail_here("key {} has the unknown type {}", quoted(key), type);
  }
  return static_cast<GgufType>(type);
}

void GgufParser::read_header() {
  if (read<uint32_t>("the magic number") != kMagic) {
    fail("{}: not a GGUF file (offset 0 does not say GGUF)", file_->path().string());
  }
  out_.version_ = read<uint32_t>("the version");
  if (out_.version_ != 0 && (out_.version_ & 0xffffu) == 0) {
    at_ -= sizeof(uint32_t);
    fail_here("a big-endian GGUF file; only little-endian ones can be read");
  }
  if (out_.version_ < 2 || out_.version_ > 3) {
    at_ -= sizeof(uint32_t);
    fail_here("GGUF version {}; versions 2 and 3 can be read", out_.version_);
  }
  tensor_count_ = read<uint64_t>("the number of tensors");
  value_count_ = read<uint64_t>("the number of keys");
  if (value_count_ > left() / kMinValueBytes) {
    at_ -= sizeof(uint64_t);
    fail_here("claims {} keys, more than the file can hold", value_count_);
  }
  if (tensor_count_ > left() / kMinTensorBytes) {
    at_ -= 2 * sizeof(uint64_t);
    fail_here("claims {} tensors, more than the file can hold", tensor_count_);
  }
}

void GgufParser::check_booleans(const GgufValue& value) const {
  const auto bad = std::ranges::find_if(value.bytes_, [](std::byte b) { return b > std::byte{1}; });
  if (bad == value.bytes_.end()) return;
  fail("{}: offset {}: key {} has a bool of value {}", file_->path().string(),
       value.offset() + static_cast<uint64_t>(bad - value.bytes_.begin()), quoted(value.key_),
       std::to_integer<int>(*bad));
}

/// Reads past the value's data and makes `value` view them.
void GgufParser::read_payload(GgufValue& value) {
  const std::string what = fmt::format("the value of key {}", quoted(value.key_));
  const size_t start = at_;
  if (const size_t size = gguf_type_size(value.element_type_); size != 0) {
    if (value.count_ > left() / size) fail_here("{}: {} elements do not fit in the file", what, value.count_);
    at_ += value.count_ * size;
  } else {
    if (value.count_ > left() / sizeof(uint64_t))
      fail_here("{}: {} strings do not fit in the file", what, value.count_);
    for (size_t i = 0; i < value.count_; ++i) read_string(what);
  }
  value.bytes_ = file_->bytes().subspan(start, at_ - start);
  if (value.element_type_ == GgufType::boolean) check_booleans(value);
}

void GgufParser::read_values() {
  out_.values_.reserve(value_count_);
  for (uint64_t i = 0; i < value_count_; ++i) {
    const size_t start = at_;
    GgufValue value;
    value.file_ = file_;
    value.key_ = read_name("key", kMaxKeyBytes);
    if (!out_.value_index_.emplace(value.key_, out_.values_.size()).second) {
      at_ = start;
      fail_here("key {} appears twice", quoted(value.key_));
    }
    value.type_ = value.element_type_ = read_type(value.key_);
    if (value.type_ == GgufType::array) {
      value.element_type_ = read_type(value.key_);
      if (value.element_type_ == GgufType::array)
        fail_here("key {}: arrays of arrays are not supported", quoted(value.key_));
      value.count_ = read<uint64_t>(fmt::format("the length of key {}", quoted(value.key_)));
    }
    read_payload(value);
    out_.values_.push_back(std::move(value));
  }
}

void GgufParser::read_alignment() {
  const GgufValue* value = out_.find("general.alignment");
  if (!value) return;
  if (value->type() != GgufType::u32) {
    fail("{}: offset {}: general.alignment is of type {}, expected u32", file_->path().string(), value->offset(),
         gguf_type_name(value->type()));
  }
  out_.alignment_ = value->as_u64();
  if (!std::has_single_bit(out_.alignment_) || out_.alignment_ > kMaxAlignment) {
    fail("{}: offset {}: general.alignment is {}, expected a power of two up to 2^30", file_->path().string(),
         value->offset(), out_.alignment_);
  }
}

void GgufParser::read_tensor_infos() {
  out_.tensors_.reserve(tensor_count_);
  for (uint64_t i = 0; i < tensor_count_; ++i) {
    GgufTensor tensor;
    tensor.owner = file_;
    tensor.name = read_name("tensor name", kMaxTensorNameBytes);
    const std::string name = mica::quoted(tensor.name);
    const auto rank = read<uint32_t>("a tensor's rank");
    if (rank > kMaxDims) fail_here("tensor {} has {} dimensions, more than {}", name, rank, kMaxDims);
    std::optional<uint64_t> elements = 1;
    for (uint32_t d = 0; d < rank; ++d) {
      const auto dim = read<int64_t>("a tensor's shape");
      if (dim <= 0) fail_here("tensor {} has a dimension of {}", name, dim);
      tensor.dims.push_back(dim);
      elements = checked_mul(*elements, static_cast<uint64_t>(dim));
      if (!elements || *elements > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
        fail_here("the shape of tensor {} overflows", name);
      }
    }
    const auto type = read<uint32_t>("a tensor's type");
    tensor.type = find_ggml_type(type);
    if (!tensor.type) fail_here("tensor {} has the unknown type {}", name, type);
    const uint64_t row = rank == 0 ? 1 : static_cast<uint64_t>(tensor.dims[0]);
    if (row % tensor.type->block != 0) {
      fail_here("tensor {} has rows of {} values, not a multiple of {}'s block of {}", name, row, tensor.type->name,
                tensor.type->block);
    }
    const auto size = checked_mul<uint64_t>(*elements / tensor.type->block, tensor.type->bytes);
    if (!size) fail_here("the size of tensor {} overflows", name);
    const auto offset = read<uint64_t>("a tensor's offset");
    if (offset % out_.alignment_ != 0) {
      fail_here("tensor {} has the offset {}, not a multiple of {}", name, offset, out_.alignment_);
    }
    sizes_.push_back(*size);
    offsets_.push_back(offset);
    out_.tensors_.push_back(std::move(tensor));
  }
}

void GgufParser::place_tensors() {
  const std::span<const std::byte> bytes = file_->bytes();
  const size_t mask = out_.alignment_ - 1;
  // Alignment is at most 2^30 and at_ at most the file's size, so this cannot overflow.
  const size_t data_start = (at_ + mask) & ~mask;
  const size_t data_size = data_start <= bytes.size() ? bytes.size() - data_start : 0;
  std::vector<size_t> order(out_.tensors_.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::sort(order, {}, [&](size_t i) { return offsets_[i]; });
  uint64_t previous_end = 0;
  for (size_t n = 0; n < order.size(); ++n) {
    const size_t i = order[n];
    GgufTensor& tensor = out_.tensors_[i];
    if (offsets_[i] > data_size || sizes_[i] > data_size - offsets_[i]) {
      fail("{}: tensor {} needs {} bytes at offset {}, the file has {}", file_->path().string(),
           mica::quoted(tensor.name), sizes_[i],
           data_start + std::min<uint64_t>(offsets_[i], std::numeric_limits<uint64_t>::max() - data_start),
           bytes.size());
    }
    if (n > 0 && offsets_[i] < previous_end) {
      fail("{}: tensor {} at offset {} overlaps tensor {}", file_->path().string(), mica::quoted(tensor.name),
           data_start + offsets_[i], mica::quoted(out_.tensors_[order[n - 1]].name));
    }
    previous_end = offsets_[i] + sizes_[i];
    tensor.bytes = bytes.subspan(data_start + offsets_[i], sizes_[i]);
  }
}

GgufFile GgufParser::parse(const std::filesystem::path& path) {
  GgufParser parser(MappedFile::open(path));
  parser.out_.path_ = path;
  parser.read_header();
  parser.read_values();
  parser.read_alignment();
  parser.read_tensor_infos();
  parser.place_tensors();
  return std::move(parser.out_);
}

}  // namespace mica
