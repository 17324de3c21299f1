#include "mica/cpu/lapack.h"

#include <dlfcn.h>

namespace mica::cpu {
namespace {

/// The first of these that is there: LAPACKE by itself (Debian, Fedora), or as a part of OpenBLAS.
constexpr const char* kNames[] = {"liblapacke.so.3", "libopenblas.so.0", "libopenblas.so", "liblapacke.so"};

void* load_lapack() {
  for (const char* name : kNames) {
    void* library = ::dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (!library) continue;
    if (::dlsym(library, "LAPACKE_sgesv")) {
      // OpenBLAS's own threads would fight with the pool's, which share out the matrices of a batch.
      if (void* set_threads = ::dlsym(library, "openblas_set_num_threads")) {
        reinterpret_cast<void (*)(int)>(set_threads)(1);
      }
      return library;
    }
    ::dlclose(library);
  }
  fail_as<std::runtime_error>("[linalg] no LAPACK (liblapacke.so.3) on this machine: install the package liblapacke");
}

void* lapack_library() {
  static void* const library = load_lapack();
  return library;
}

}  // namespace

void open_lapack() {
  lapack_library();
}

void* find_lapack_function(const char* name) {
  void* const function = ::dlsym(lapack_library(), name);
  if (!function) fail_as<std::runtime_error>("[linalg] this machine's LAPACK has no {}", name);
  return function;
}

}  // namespace mica::cpu
