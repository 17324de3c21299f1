#include "examples/images.h"

#include <fstream>
#include <sstream>
#include <stdexcept>

#include <fmt/core.h>

namespace examples {
namespace {

std::ifstream opened(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) throw std::runtime_error(fmt::format("{}: cannot be read", file.string()));
  return in;
}

/// A number of four bytes, the highest first.
uint32_t read_number(std::ifstream& in, const std::filesystem::path& file) {
  unsigned char bytes[4];
  if (!in.read(reinterpret_cast<char*>(bytes), 4)) {
    throw std::runtime_error(fmt::format("{}: ends within its header", file.string()));
  }
  return uint32_t{bytes[0]} << 24 | uint32_t{bytes[1]} << 16 | uint32_t{bytes[2]} << 8 | uint32_t{bytes[3]};
}

std::vector<unsigned char> read_bytes(std::ifstream& in, size_t count, const std::filesystem::path& file) {
  // The count comes from the file: it may not claim more than there is.
  if (count > std::filesystem::file_size(file)) {
    throw std::runtime_error(fmt::format("{}: shorter than its header says", file.string()));
  }
  std::vector<unsigned char> bytes(count);
  if (!in.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(count))) {
    throw std::runtime_error(fmt::format("{}: shorter than its header says", file.string()));
  }
  return bytes;
}

}  // namespace

Images read_digits_csv(const std::filesystem::path& file) {
  Images out;
  out.side = 8;
  std::ifstream in = opened(file);
  std::string line;
  while (std::getline(in, line)) {
    std::istringstream fields(line);
    std::string field;
    std::vector<float> numbers;
    while (std::getline(fields, field, ',')) {
      char* end = nullptr;
      numbers.push_back(std::strtof(field.c_str(), &end));
      if (end == field.c_str()) numbers.clear();
    }
    if (numbers.size() != 65 || numbers.back() < 0 || numbers.back() > 9) {
      throw std::runtime_error(
          fmt::format("{}: line {} is not 64 pixels and a label", file.string(), out.labels.size() + 1));
    }
    for (size_t i = 0; i < 64; ++i) out.pixels.push_back(numbers[i] / 16.0f);
    out.labels.push_back(static_cast<int>(numbers.back()));
  }
  return out;
}

Images read_idx(const std::filesystem::path& pictures, const std::filesystem::path& labels) {
  std::ifstream in = opened(pictures);
  if (read_number(in, pictures) != 0x803) throw std::runtime_error(fmt::format("{}: no idx3-ubyte", pictures.string()));
  const uint32_t count = read_number(in, pictures);
  const uint32_t side = read_number(in, pictures);
  if (read_number(in, pictures) != side || side == 0 || side > 4096) {
    throw std::runtime_error(fmt::format("{}: the pictures are not square", pictures.string()));
  }
  Images out;
  out.side = static_cast<int>(side);
  for (const unsigned char byte : read_bytes(in, size_t{count} * side * side, pictures)) {
    out.pixels.push_back(static_cast<float>(byte) / 255.0f);
  }
  std::ifstream label_file = opened(labels);
  if (read_number(label_file, labels) != 0x801 || read_number(label_file, labels) != count) {
    throw std::runtime_error(fmt::format("{}: no idx1-ubyte with {} labels", labels.string(), count));
  }
  for (const unsigned char label : read_bytes(label_file, count, labels)) {
    if (label > 9) throw std::runtime_error(fmt::format("{}: the label {} is no digit", labels.string(), label));
    out.labels.push_back(label);
  }
  return out;
}

}  // namespace examples
