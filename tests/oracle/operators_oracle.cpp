// Expected dtypes of operators, from MLX 0.32.4 (PyPI's wheels mlx and mlx-cpu have its headers and library):
//   g++ -std=c++20 -Itests/names -I$MLX/include tests/oracle/operators_oracle.cpp -L$MLX/lib -lmlx -Wl,-rpath,$MLX/lib
//   -o oracle
//   ./oracle >tests/fixtures/names/operators.txt
#include <iostream>

#include "mlx/mlx.h"
#include "operator_dtypes.h"

int main() {
  std::cout << operator_dtypes();
}
