#pragma once

#include <vector>

#include "op_table.h"

namespace mica::testing {

/// Ops of the families that the table of ops with derivatives leaves out.
const std::vector<OpCase>& more_ops();

/// A function with its arguments when it is traced, and when it is called.
struct ShapelessCase {
  std::string name;
  Function fun;
  Arrays traced;
  Arrays called;

  friend void PrintTo(const ShapelessCase& one, std::ostream* os) { *os << one.name; }
};

/// Functions that follow other lengths.
const std::vector<ShapelessCase>& shapeless_cases();

/// The temporary file of the running test; removed with the object.
class TemporaryFile {
 public:
  TemporaryFile();
  ~TemporaryFile();
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace mica::testing
