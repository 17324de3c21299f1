#include "mica/io/npy.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <string>
#include <string_view>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "mica/base/error.h"
#include "mica/base/file.h"

namespace mica {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr size_t kMaxHeaderBytes = 65536;
constexpr size_t kMaxRank = 64;

struct Code {
  StorageType type;
  std::string_view code;
};

/// NumPy's type codes without the byte order.
constexpr std::array kCodes = {
    Code{StorageType::boolean, "b1"}, Code{StorageType::u8, "u1"},   Code{StorageType::u16, "u2"},
    Code{StorageType::u32, "u4"},     Code{StorageType::u64, "u8"},  Code{StorageType::i8, "i1"},
    Code{StorageType::i16, "i2"},     Code{StorageType::i32, "i4"},  Code{StorageType::i64, "i8"},
    Code{StorageType::f16, "f2"},     Code{StorageType::f32, "f4"},  Code{StorageType::f64, "f8"},
    Code{StorageType::c64, "c8"},     Code{StorageType::bf16, "V2"},
};

struct Header {
  std::string descr;
  bool fortran_order = false;
  std::vector<int64_t> shape;
};

/// Reads the header's Python dictionary: {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }.
class HeaderScanner {
 public:
  HeaderScanner(std::string_view text, size_t start, std::string_view name) : text_(text), start_(start), name_(name) {}

  Header scan() {
    Header header;
    unsigned seen = 0;
    expect('{');
    while (!accept('}')) {
      const std::string key = scan_string();
      expect(':');
      const unsigned bit = key == "descr" ? 1 : key == "fortran_order" ? 2 : key == "shape" ? 4 : 0;
      if (bit == 0 || (seen & bit) != 0) fail_here(fmt::format("unexpected key {}", mica::quoted(key)));
      seen |= bit;
      if (bit == 1) header.descr = scan_descr();
      if (bit == 2) header.fortran_order = scan_bool();
      if (bit == 4) header.shape = scan_shape();
      if (!accept(',')) {
        expect('}');
        break;
      }
    }
    skip_space();
    if (at_ != text_.size()) fail_here("text follows the header's dictionary");
    if (seen != 7) fail_here("the header needs descr, fortran_order and shape");
    return header;
  }

 private:
  std::string scan_string() {
    const char quote = accept('"') ? '"' : '\'';
    if (quote == '\'') expect('\'');
    const size_t end = text_.find(quote, at_);
    if (end == std::string_view::npos) fail_here("the header ends inside a string");
    const std::string out(text_.substr(at_, end - at_));
    at_ = end + 1;
    return out;
  }

  std::string scan_descr() {
    skip_space();
    if (at_ < text_.size() && text_[at_] == '[') fail_here("structured types are not supported");
    return scan_string();
  }

  bool scan_bool() {
    skip_space();
    for (const std::string_view word : {"True", "False"}) {
      if (!text_.substr(at_).starts_with(word)) continue;
      at_ += word.size();
      return word == "True";
    }
    fail_here("fortran_order is neither True nor False");
  }

  std::vector<int64_t> scan_shape() {
    std::vector<int64_t> shape;
    expect('(');
    while (!accept(')')) {
      skip_space();
      int64_t dim = 0;
      const auto [end, error] = std::from_chars(text_.data() + at_, text_.data() + text_.size(), dim);
      if (error != std::errc() || dim < 0) fail_here("a dimension is not a whole number");
      if (shape.size() == kMaxRank) fail_here("too many dimensions");
      at_ = static_cast<size_t>(end - text_.data());
      shape.push_back(dim);
      if (!accept(',')) {
        expect(')');
        break;
      }
    }
    return shape;
  }

  void skip_space() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n')) ++at_;
  }

  bool accept(char c) {
    skip_space();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  void expect(char c) {
    if (!accept(c)) fail_here(fmt::format("expected '{}' in the header", c));
  }

  [[noreturn]] void fail_here(std::string_view what) const { fail("{}: offset {}: {}", name_, start_ + at_, what); }

  std::string_view text_;
  size_t start_;
  std::string_view name_;
  size_t at_ = 0;
};

StorageType type_of(std::string_view descr, std::string_view name) {
  const bool ordered = !descr.empty() && std::string_view("<>|=").find(descr[0]) != std::string_view::npos;
  const std::string_view code = descr.substr(ordered ? 1 : 0);
  const auto* found = std::ranges::find(kCodes, code, &Code::code);
  if (found == kCodes.end()) fail("{}: arrays of type {} are not supported", name, quoted(descr));
  return found->type;
}

/// Bytes of a big-endian array turned around, scalar by scalar.
std::shared_ptr<const MappedFile> swapped(const NpyArray& array) {
  const size_t width = array.type == StorageType::c64 ? 4 : storage_bytes(array.type);
  return MappedFile::in_memory(array.owner->path(), array.bytes.size(), [&](std::span<std::byte> out) {
    std::ranges::copy(array.bytes, out.begin());
    for (; !out.empty(); out = out.subspan(width)) std::ranges::reverse(out.first(width));
  });
}

}  // namespace

NpyArray read_npy(const std::filesystem::path& path) {
  return parse_npy(MappedFile::open(path));
}

NpyArray parse_npy(const std::shared_ptr<const MappedFile>& file) {
  const std::string name = file->path().string();
  const std::string_view text(reinterpret_cast<const char*>(file->bytes().data()), file->bytes().size());
  constexpr size_t kVersionEnd = 8;
  if (text.size() < kVersionEnd || !text.starts_with(kMagic)) fail("{}: not an .npy file", name);
  const int version = static_cast<unsigned char>(text[6]);
  if (version < 1 || version > 3) fail("{}: offset 6: .npy version {} is not supported", name, version);
  const size_t length_bytes = version == 1 ? 2 : 4;
  if (text.size() < kVersionEnd + length_bytes) fail("{}: offset 8: the file ends inside the header", name);
  uint32_t length = 0;
  std::memcpy(&length, text.data() + kVersionEnd, length_bytes);
  const size_t start = kVersionEnd + length_bytes;
  if (length > kMaxHeaderBytes || length > text.size() - start) {
    fail("{}: offset 8: a header of {} bytes, the file has {}", name, length, text.size());
  }
  Header header = HeaderScanner(text.substr(start, length), start, name).scan();

  NpyArray out;
  out.type = type_of(header.descr, name);
  out.shape = std::move(header.shape);
  out.fortran_order = header.fortran_order;
  const auto size = storage_size(out.type, out.shape);
  const size_t data_start = start + length;
  if (!size || *size != text.size() - data_start) {
    fail("{}: offset {}: {} bytes of data do not fit the shape {}", name, data_start, text.size() - data_start,
         shape_text(out.shape));
  }
  out.bytes = file->bytes().subspan(data_start);
  out.owner = file;
  if (header.descr.starts_with('>')) {
    out.owner = swapped(out);
    out.bytes = out.owner->bytes();
  }
  return out;
}

std::string npy_header(const std::string& name, StorageType type, std::span<const int64_t> shape) {
  const auto* found = std::ranges::find(kCodes, type, &Code::type);
  if (found == kCodes.end()) fail("{}: .npy has no type for {}", name, storage_name(type));
  const std::string order = storage_bytes(type) == 1 ? "|" : "<";
  const std::string dims = fmt::format("({}{})", fmt::join(shape, ", "), shape.size() == 1 ? "," : "");
  std::string header =
      fmt::format("{{'descr': '{}{}', 'fortran_order': False, 'shape': {}, }}", order, found->code, dims);
  constexpr size_t kPrefix = 10;
  header.append(63 - (kPrefix + header.size()) % 64, ' ');
  header += '\n';
  const auto length = static_cast<uint16_t>(header.size());
  std::string out(kMagic);
  out += {'\1', '\0', static_cast<char>(length & 0xff), static_cast<char>(length >> 8)};
  return out + header;
}

void write_npy(const std::filesystem::path& path, StorageType type, std::span<const int64_t> shape,
               std::span<const std::byte> bytes) {
  const std::string header = npy_header(path.string(), type, shape);
  if (storage_size(type, shape) != bytes.size()) {
    fail("{}: {} bytes do not fit the shape {}", path.string(), bytes.size(), shape_text(shape));
  }
  AtomicFile file(path);
  file.write(header);
  file.write(bytes);
  file.commit();
}

}  // namespace mica
