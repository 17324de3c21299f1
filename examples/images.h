#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace examples {

/// Square grey pictures with their labels. Pixels lie in [0, 1], row by row, one picture after the other.
struct Images {
  int side = 0;
  std::vector<float> pixels;
  std::vector<int> labels;
};

/// scikit-learn's digits: lines of 64 numbers from 0 to 16 and the label. Throws std::runtime_error naming the line.
Images read_digits_csv(const std::filesystem::path& file);

/// MNIST's files (https://yann.lecun.com/exdb/mnist): idx3-ubyte pictures and idx1-ubyte labels, unpacked. Throws
/// std::runtime_error naming the file.
Images read_idx(const std::filesystem::path& pictures, const std::filesystem::path& labels);

}  // namespace examples
