// MPI, loaded at run time: neither building nor running mica needs it. Open MPI's handles are pointers, MPICH's are
// ints; both travel as intptr_t, which is passed the same way, and in which either can be stored.
#include <algorithm>
#include <array>
#include <cstdlib>
#include <map>
#include <mutex>
#include <stdexcept>
#include <utility>
#include <vector>

#include <dlfcn.h>

#include "mica/array/array.h"
#include "mica/base/error.h"
#include "mica/distributed/group.h"

namespace mica::distributed {
namespace {

using Handle = std::intptr_t;
/// MPI_User_function: inout[i] = in[i] ∘ inout[i].
using UserFunction = void(void* in, void* inout, int* length, Handle* type);

constexpr int kThreadMultiple = 3;
/// Counts are ints; longer messages go in parts.
constexpr size_t kMaxCount = size_t{1} << 30;

/// The library's functions that are used.
class Library {
 public:
  /// The library, or null when there is none that is understood.
  static const Library* get() {
    static const Library library;
    return library.handle_ ? &library : nullptr;
  }

  Handle world = 0;
  Handle byte = 0;
  void* status_ignore = nullptr;

  int (*init_thread)(int*, char***, int, int*) = nullptr;
  int (*initialized)(int*) = nullptr;
  int (*finalize)() = nullptr;
  int (*comm_rank)(Handle, int*) = nullptr;
  int (*comm_size)(Handle, int*) = nullptr;
  int (*comm_split)(Handle, int, int, Handle*) = nullptr;
  int (*comm_free)(Handle*) = nullptr;
  int (*all_reduce)(const void*, void*, int, Handle, Handle, Handle) = nullptr;
  int (*all_gather)(const void*, int, Handle, void*, int, Handle, Handle) = nullptr;
  int (*reduce_scatter)(const void*, void*, int, Handle, Handle, Handle) = nullptr;
  int (*send)(const void*, int, Handle, int, int, Handle) = nullptr;
  int (*recv)(void*, int, Handle, int, int, Handle, void*) = nullptr;
  int (*type_contiguous)(int, Handle, Handle*) = nullptr;
  int (*type_commit)(Handle*) = nullptr;
  int (*op_create)(UserFunction*, int, Handle*) = nullptr;

 private:
  Library() {
    for (const char* name : {"libmpi.so.40", "libmpi.so.12", "libmpi.so", "libmpich.so"}) {
      // Global: the library loads plug-ins that expect to find its symbols.
      void* handle = ::dlopen(name, RTLD_NOW | RTLD_GLOBAL);
      if (handle && load(handle)) {
        handle_ = handle;
        return;
      }
    }
  }

  bool load(void* handle) {
    const bool all = find(handle, "MPI_Init_thread", init_thread) && find(handle, "MPI_Initialized", initialized) &&
                     find(handle, "MPI_Finalize", finalize) && find(handle, "MPI_Comm_rank", comm_rank) &&
                     find(handle, "MPI_Comm_size", comm_size) && find(handle, "MPI_Comm_split", comm_split) &&
                     find(handle, "MPI_Comm_free", comm_free) && find(handle, "MPI_Allreduce", all_reduce) &&
                     find(handle, "MPI_Allgather", all_gather) &&
                     find(handle, "MPI_Reduce_scatter_block", reduce_scatter) && find(handle, "MPI_Send", send) &&
                     find(handle, "MPI_Recv", recv) && find(handle, "MPI_Type_contiguous", type_contiguous) &&
                     find(handle, "MPI_Type_commit", type_commit) && find(handle, "MPI_Op_create", op_create);
    if (!all) return false;
    if (void* open_mpi = ::dlsym(handle, "ompi_mpi_comm_world")) {
      world = reinterpret_cast<Handle>(open_mpi);
      byte = reinterpret_cast<Handle>(::dlsym(handle, "ompi_mpi_byte"));
      return byte != 0;
    }
    // MPICH and its kin: the values of their common ABI.
    world = 0x44000000;
    byte = 0x4c00010d;
    status_ignore = reinterpret_cast<void*>(std::intptr_t{1});  // NOLINT(performance-no-int-to-ptr)
    return true;
  }

  template <typename F>
  static bool find(void* handle, const char* name, F*& function) {
    function = reinterpret_cast<F*>(::dlsym(handle, name));
    return function != nullptr;
  }

  void* handle_ = nullptr;
};

void check(int code, const char* what) {
  if (code != 0) fail_as<std::runtime_error>("[distributed] {} failed with code {}", what, code);
}

template <typename T, Reduction reduction>
void reduce(void* in, void* inout, int* length, Handle*) {
  const T* a = static_cast<const T*>(in);
  T* b = static_cast<T*>(inout);
  for (int i = 0; i < *length; ++i) {
    if constexpr (reduction == Reduction::sum) {
      b[i] = static_cast<T>(a[i] + b[i]);
    } else if constexpr (std::is_same_v<T, complex64_t>) {
      const bool less = std::pair(a[i].real(), a[i].imag()) < std::pair(b[i].real(), b[i].imag());
      if (less == (reduction == Reduction::min)) b[i] = a[i];
    } else {
      b[i] = reduction == Reduction::max ? std::max(a[i], b[i]) : std::min(a[i], b[i]);
    }
  }
}

UserFunction* function_of(Dtype dtype, Reduction reduction) {
  return dispatch(dtype, [&]<typename T>(T) -> UserFunction* {
    switch (reduction) {
      case Reduction::max:
        return reduce<T, Reduction::max>;
      case Reduction::min:
        return reduce<T, Reduction::min>;
      default:
        return reduce<T, Reduction::sum>;
    }
  });
}

/// MPI's types and operations for mica's dtypes, halves included: made on first use.
class Types {
 public:
  /// `bytes` bytes as one element.
  Handle element(size_t bytes) {
    const std::lock_guard lock(mutex_);
    const auto [found, is_new] = elements_.try_emplace(bytes, 0);
    if (is_new) {
      check(mpi_.type_contiguous(static_cast<int>(bytes), mpi_.byte, &found->second), "MPI_Type_contiguous");
      check(mpi_.type_commit(&found->second), "MPI_Type_commit");
    }
    return found->second;
  }

  Handle operation(Dtype dtype, Reduction reduction) {
    const std::lock_guard lock(mutex_);
    const auto [found, is_new] = operations_.try_emplace(std::pair(dtype.val(), reduction), 0);
    if (is_new) check(mpi_.op_create(function_of(dtype, reduction), 1, &found->second), "MPI_Op_create");
    return found->second;
  }

  static Types& get(const Library& mpi) {
    static auto* types = new Types(mpi);  // NOLINT(cppcoreguidelines-owning-memory): used until the process ends
    return *types;
  }

 private:
  explicit Types(const Library& mpi) : mpi_(mpi) {}
  const Library& mpi_;
  std::mutex mutex_;
  std::map<size_t, Handle> elements_;
  std::map<std::pair<Dtype::Val, Reduction>, Handle> operations_;
};

class MpiGroup final : public GroupImpl {
 public:
  MpiGroup(const Library& mpi, Handle comm, bool owned)
      : mpi_(mpi), types_(Types::get(mpi)), comm_(comm), owned_(owned) {
    check(mpi.comm_rank(comm, &rank_), "MPI_Comm_rank");
    check(mpi.comm_size(comm, &size_), "MPI_Comm_size");
  }
  ~MpiGroup() override {
    if (owned_) mpi_.comm_free(&comm_);
  }
  MpiGroup(const MpiGroup&) = delete;
  MpiGroup& operator=(const MpiGroup&) = delete;

  int rank() const override { return rank_; }
  int size() const override { return size_; }

  std::shared_ptr<GroupImpl> split(int color, int key) const override {
    Handle part = 0;
    check(mpi_.comm_split(comm_, color, key, &part), "MPI_Comm_split");
    return std::make_shared<MpiGroup>(mpi_, part, true);
  }

  void all_reduce(std::span<std::byte> data, Dtype dtype, Reduction reduction) const override {
    const Handle type = types_.element(size_of(dtype));
    const Handle operation = types_.operation(dtype, reduction);
    for_parts(data.size(), size_of(dtype), [&](size_t begin, size_t bytes, int count) {
      // A copy instead of MPI_IN_PLACE, whose value differs between the libraries.
      const std::vector<std::byte> in(data.begin() + static_cast<std::ptrdiff_t>(begin),
                                      data.begin() + static_cast<std::ptrdiff_t>(begin + bytes));
      check(mpi_.all_reduce(in.data(), data.data() + begin, count, type, operation, comm_), "MPI_Allreduce");
    });
  }

  void all_gather(std::span<const std::byte> part, std::span<std::byte> out) const override {
    if (part.size() <= kMaxCount) {
      const int bytes = static_cast<int>(part.size());
      check(mpi_.all_gather(part.data(), bytes, mpi_.byte, out.data(), bytes, mpi_.byte, comm_), "MPI_Allgather");
      return;
    }
    // Counts are ints: a long part is gathered in slices.
    for_parts(part.size(), 1, [&](size_t begin, size_t bytes, int count) {
      std::vector<std::byte> slices(bytes * static_cast<size_t>(size_));
      check(mpi_.all_gather(part.data() + begin, count, mpi_.byte, slices.data(), count, mpi_.byte, comm_),
            "MPI_Allgather");
      for (size_t rank = 0; rank < static_cast<size_t>(size_); ++rank) {
        std::copy_n(slices.data() + rank * bytes, bytes, out.data() + rank * part.size() + begin);
      }
    });
  }

  void sum_scatter(std::span<const std::byte> in, std::span<std::byte> out, Dtype dtype) const override {
    const size_t count = out.size() / size_of(dtype);
    if (count > kMaxCount) fail_as<std::runtime_error>("[sum_scatter] {} elements a process are too many", count);
    check(mpi_.reduce_scatter(in.data(), out.data(), static_cast<int>(count), types_.element(size_of(dtype)),
                              types_.operation(dtype, Reduction::sum), comm_),
          "MPI_Reduce_scatter_block");
  }

  void send(std::span<const std::byte> data, int destination) const override {
    for_parts(data.size(), 1, [&](size_t begin, size_t, int count) {
      check(mpi_.send(data.data() + begin, count, mpi_.byte, destination, 0, comm_), "MPI_Send");
    });
  }

  void recv(std::span<std::byte> data, int source) const override {
    for_parts(data.size(), 1, [&](size_t begin, size_t, int count) {
      check(mpi_.recv(data.data() + begin, count, mpi_.byte, source, 0, comm_, mpi_.status_ignore), "MPI_Recv");
    });
  }

 private:
  /// Calls body(begin in bytes, bytes, elements) for parts of at most kMaxCount elements.
  template <typename Body>
  static void for_parts(size_t bytes, size_t element, const Body& body) {
    for (size_t begin = 0; begin < bytes; begin += kMaxCount * element) {
      const size_t part = std::min(bytes - begin, kMaxCount * element);
      body(begin, part, static_cast<int>(part / element));
    }
  }

  const Library& mpi_;
  Types& types_;
  Handle comm_;
  bool owned_;
  int rank_ = 0;
  int size_ = 1;
};

void start(const Library& mpi) {
  int started = 0;
  check(mpi.initialized(&started), "MPI_Initialized");
  if (started != 0) return;
  int provided = 0;
  check(mpi.init_thread(nullptr, nullptr, kThreadMultiple, &provided), "MPI_Init_thread");
  if (provided < kThreadMultiple) {
    fail_as<std::runtime_error>("[distributed] this MPI library cannot be used from several threads");
  }
  std::atexit([] { Library::get()->finalize(); });
}

}  // namespace

bool mpi_available() {
  return Library::get() != nullptr;
}

bool launched_by_mpi() {
  constexpr std::array names = {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "PMI_RANK", "PMIX_RANK", "MPI_LOCALNRANKS"};
  // NOLINTNEXTLINE(concurrency-mt-unsafe): read before other threads could change the environment
  return std::ranges::any_of(names, [](const char* name) { return std::getenv(name) != nullptr; });
}

std::shared_ptr<GroupImpl> mpi_group() {
  const Library* mpi = Library::get();
  if (!mpi) {
    fail_as<std::runtime_error>("[distributed] no MPI library (libmpi.so) is here; install Open MPI or MPICH");
  }
  start(*mpi);
  return std::make_shared<MpiGroup>(*mpi, mpi->world, false);
}

}  // namespace mica::distributed
