#include "mica/base/cpu_info.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <sstream>

#include <asm/prctl.h>
#include <cpuid.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "mica/base/error.h"

namespace mica {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kIsaNames[] = {"reference", "avx2", "avx512", "avx512vnni", "avx512bf16", "amx"};
constexpr int kIsaCount = 6;

struct Cpuid {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
};

Cpuid cpuid(unsigned leaf, unsigned subleaf) {
  Cpuid out;
  if (!__get_cpuid_count(leaf, subleaf, &out.eax, &out.ebx, &out.ecx, &out.edx)) return {};
  return out;
}

bool bit(unsigned value, int index) {
  return (value >> index) & 1u;
}

uint64_t xcr0() {
  unsigned low = 0, high = 0;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (static_cast<uint64_t>(high) << 32) | low;
}

/// AMX state is large, so Linux gives it only to processes that ask (arch_prctl, once per process).
bool request_amx() {
  constexpr int kRequestPermission = 0x1023;  // ARCH_REQ_XCOMP_PERM
  constexpr int kTileData = 18;               // XFEATURE_XTILEDATA
  return ::syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
}

Isa detect() {
  const Cpuid one = cpuid(1, 0);
  const Cpuid seven = cpuid(7, 0);
  const Cpuid seven1 = cpuid(7, 1);
  const bool osxsave = bit(one.ecx, 27);
  const uint64_t state = osxsave ? xcr0() : 0;
  const bool avx2 =
      (state & 0x6) == 0x6 && bit(one.ecx, 12) && bit(one.ecx, 29) && bit(seven.ebx, 5) && bit(seven.ebx, 8);
  if (!avx2) return Isa::reference;
  const bool avx512 = (state & 0xe0) == 0xe0 && bit(seven.ebx, 16) && bit(seven.ebx, 17) && bit(seven.ebx, 28) &&
                      bit(seven.ebx, 30) && bit(seven.ebx, 31);
  if (!avx512) return Isa::avx2;
  if (!bit(seven.ecx, 11)) return Isa::avx512;
  if (!bit(seven1.eax, 5)) return Isa::avx512vnni;
  const bool amx = (state & 0x60000) == 0x60000 && bit(seven.edx, 24) && bit(seven.edx, 25) && bit(seven.edx, 22);
  return amx && request_amx() ? Isa::amx : Isa::avx512bf16;
}

std::string first_line(const fs::path& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

std::optional<int64_t> read_integer(const fs::path& path) {
  const std::string line = first_line(path);
  if (line.empty() || line == "max") return std::nullopt;
  char* end = nullptr;
  const int64_t value = std::strtoll(line.c_str(), &end, 10);
  if (end == line.c_str()) return std::nullopt;
  return value;
}

/// This process's cgroup folder of one controller ("" for the v2 hierarchy), or an empty path.
fs::path cgroup_folder(std::string_view controller) {
  std::ifstream file("/proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    const size_t first = line.find(':');
    const size_t second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string names = "," + line.substr(first + 1, second - first - 1) + ",";
    const std::string wanted = "," + std::string(controller) + ",";
    const bool v2 = controller.empty() && names == ",,";
    if (!v2 && (controller.empty() || names.find(wanted) == std::string::npos)) continue;
    const fs::path root = controller.empty() ? fs::path("/sys/fs/cgroup") : fs::path("/sys/fs/cgroup") / controller;
    // Inside a container the path may name the host's view, which is not mounted here: the root is ours then.
    fs::path folder = root / fs::path(line.substr(second + 1)).relative_path();
    std::error_code ignored;
    return fs::exists(folder, ignored) ? folder : root;
  }
  return {};
}

/// Applies `read` to the cgroup folder and its parents, since every level limits the ones below.
template <typename Read>
std::optional<double> smallest_limit(fs::path folder, Read read) {
  std::optional<double> least;
  while (!folder.empty() && folder.string().starts_with("/sys/fs/cgroup")) {
    if (const std::optional<double> value = read(folder); value && (!least || *value < *least)) least = value;
    folder = folder.parent_path();
  }
  return least;
}

std::optional<double> cpu_quota() {
  const auto v2 = smallest_limit(cgroup_folder(""), [](const fs::path& folder) -> std::optional<double> {
    std::istringstream line(first_line(folder / "cpu.max"));
    std::string quota;
    double period = 0;
    if (!(line >> quota >> period) || quota == "max" || period <= 0) return std::nullopt;
    return std::strtod(quota.c_str(), nullptr) / period;
  });
  const auto v1 = smallest_limit(cgroup_folder("cpu"), [](const fs::path& folder) -> std::optional<double> {
    const auto quota = read_integer(folder / "cpu.cfs_quota_us");
    const auto period = read_integer(folder / "cpu.cfs_period_us");
    if (!quota || !period || *quota <= 0 || *period <= 0) return std::nullopt;
    return static_cast<double>(*quota) / static_cast<double>(*period);
  });
  if (v1 && v2) return std::min(*v1, *v2);
  return v1 ? v1 : v2;
}

std::vector<int> allowed_processors() {
  // The mask must be as wide as the kernel's; it grows until the call accepts it.
  for (int count = 1024; count <= (1 << 20); count *= 2) {
    cpu_set_t* set = CPU_ALLOC(count);
    const size_t size = CPU_ALLOC_SIZE(count);
    std::vector<int> processors;
    const bool known = sched_getaffinity(0, size, set) == 0;
    for (int i = 0; known && i < count; ++i) {
      if (CPU_ISSET_S(i, size, set)) processors.push_back(i);
    }
    CPU_FREE(set);
    if (known) return processors;
  }
  return {0};
}

/// Processors grouped by physical core (package and core id); a processor whose core is unknown stands alone.
std::vector<std::vector<int>> processors_by_core() {
  std::map<std::pair<int64_t, int64_t>, std::vector<int>> cores;
  for (const int processor : allowed_processors()) {
    const fs::path topology = fmt::format("/sys/devices/system/cpu/cpu{}/topology", processor);
    const auto package = read_integer(topology / "physical_package_id");
    const auto core = read_integer(topology / "core_id");
    cores[package && core ? std::pair(*package, *core) : std::pair<int64_t, int64_t>(-1, processor)].push_back(
        processor);
  }
  std::vector<std::vector<int>> out;
  out.reserve(cores.size());
  for (auto& [id, processors] : cores) out.push_back(std::move(processors));
  return out;
}

Isa isa_from_environment() {
  const Isa detected = detected_isa();
  const char* wanted = std::getenv("MICA_ISA");  // NOLINT(concurrency-mt-unsafe)
  if (!wanted || !*wanted) return detected;
  for (int i = 0; i < kIsaCount; ++i) {
    if (kIsaNames[i] != wanted) continue;
    if (i > static_cast<int>(detected)) {
      fail("MICA_ISA={}: this processor only has {}", wanted, isa_name(detected));
    }
    return static_cast<Isa>(i);
  }
  fail("MICA_ISA={}: unknown; one of reference, avx2, avx512, avx512vnni, avx512bf16, amx", quoted(wanted));
}

}  // namespace

std::string_view isa_name(Isa isa) {
  return kIsaNames[static_cast<int>(isa)];
}

Isa detected_isa() {
  static const Isa isa = detect();
  return isa;
}

Isa active_isa() {
  static const Isa isa = isa_from_environment();
  return isa;
}

int usable_cores() {
  int cores = static_cast<int>(processors_by_core().size());
  if (const auto quota = cpu_quota()) cores = std::min(cores, static_cast<int>(*quota));
  return std::max(cores, 1);
}

std::vector<int> usable_processors() {
  const auto cores = processors_by_core();
  std::vector<int> out;
  for (size_t round = 0, before = 1; out.size() != before; ++round) {
    before = out.size();
    for (const auto& processors : cores) {
      if (round < processors.size()) out.push_back(processors[round]);
    }
  }
  return out;
}

std::string cpu_name() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    const size_t colon = line.find(": ");
    if (line.starts_with("model name") && colon != std::string::npos) return line.substr(colon + 2);
  }
  return "unknown";
}

size_t memory_limit_bytes() {
  const auto machine = static_cast<double>(::sysconf(_SC_PHYS_PAGES)) * static_cast<double>(::sysconf(_SC_PAGESIZE));
  const auto reader = [](const char* file) {
    return [file](const fs::path& folder) -> std::optional<double> {
      const auto value = read_integer(folder / file);
      return value && *value > 0 ? std::optional(static_cast<double>(*value)) : std::nullopt;
    };
  };
  double least = machine;
  if (const auto v2 = smallest_limit(cgroup_folder(""), reader("memory.max"))) least = std::min(least, *v2);
  if (const auto v1 = smallest_limit(cgroup_folder("memory"), reader("memory.limit_in_bytes"))) {
    least = std::min(least, *v1);
  }
  return static_cast<size_t>(least);
}

}  // namespace mica
