#pragma once

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string>
#include <vector>

#include <unistd.h>

namespace examples {

/// A curve of a plot: values at equal distances from left to right.
struct Curve {
  std::string name;
  char mark;
  std::vector<double> values;
};

/// Draws curves into a terminal: a frame of `width` × `height` characters with the scale at its left.
inline std::string plot(const std::vector<Curve>& curves, size_t width = 72, size_t height = 16) {
  double low = INFINITY;
  double high = -INFINITY;
  for (const Curve& curve : curves) {
    for (const double value : curve.values) {
      low = std::min(low, value);
      high = std::max(high, value);
    }
  }
  const double span = high > low ? high - low : 1.0;
  std::vector<std::string> rows(height, std::string(width, ' '));
  for (const Curve& curve : curves) {
    for (size_t x = 0; x < width && !curve.values.empty(); ++x) {
      const double value = curve.values[x * curve.values.size() / width];
      const double place = (high - value) / span * static_cast<double>(height - 1);
      rows[static_cast<size_t>(std::lround(place))][x] = curve.mark;
    }
  }
  std::string out;
  for (size_t y = 0; y < height; ++y) {
    char scale[32];
    const double value = high - span * static_cast<double>(y) / static_cast<double>(height - 1);
    std::snprintf(scale, sizeof scale, "%9.4f |", value);
    out += scale + rows[y] + "\n";
  }
  out += std::string(10, ' ') + "+" + std::string(width, '-') + "\n" + std::string(11, ' ');
  for (const Curve& curve : curves) out += std::string(" ") + curve.mark + " " + curve.name;
  return out + "\n";
}

/// Shows a line of progress: in place on a terminal, else only if `keep`.
inline void progress(const std::string& line, bool keep) {
  if (isatty(STDOUT_FILENO) != 0) {
    std::printf("\r\033[K%s%s", line.c_str(), keep ? "\n" : "");
  } else if (keep) {
    std::printf("%s\n", line.c_str());
  }
  std::fflush(stdout);
}

}  // namespace examples
