#include "mica/base/topology.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <system_error>

#include <sys/syscall.h>
#include <unistd.h>

namespace mica {
namespace {

namespace fs = std::filesystem;

constexpr int kMostProcessors = 1 << 20;
constexpr size_t kMostNodes = 1024;
/// A list of every other one of several thousand processors is shorter.
constexpr size_t kLongestList = 64 << 10;

/// The number at the front of the text, which is taken off.
std::optional<int> take_number(std::string_view& text) {
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || number < 0 || number >= kMostProcessors) return std::nullopt;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  return number;
}

bool take(std::string_view& text, char wanted) {
  if (!text.starts_with(wanted)) return false;
  text.remove_prefix(1);
  return true;
}

/// The id in the name of a node's folder ("node12").
std::optional<int> node_id(std::string_view name) {
  if (!name.starts_with("node")) return std::nullopt;
  name.remove_prefix(4);
  const auto id = take_number(name);
  return name.empty() ? id : std::nullopt;
}

std::optional<std::vector<int>> read_list(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text(kLongestList, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  // The list has been read whole if the file ended before the buffer.
  if (!file.eof() || file.bad()) return std::nullopt;
  text.resize(static_cast<size_t>(file.gcount()));
  return parse_processor_list(text);
}

/// All nodes of the folder with all their processors, by id.
std::optional<std::map<int, std::vector<int>>> read_nodes(const fs::path& folder) {
  std::map<int, std::vector<int>> nodes;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error); !error && entry != fs::directory_iterator();
       entry.increment(error)) {
    const auto id = node_id(entry->path().filename().string());
    if (!id) continue;
    auto processors = read_list(entry->path() / "cpulist");
    if (!processors || nodes.size() == kMostNodes) return std::nullopt;
    nodes.emplace(*id, *std::move(processors));
  }
  if (error) return std::nullopt;
  return nodes;
}

}  // namespace

std::optional<std::vector<int>> parse_processor_list(std::string_view text) {
  std::vector<int> out;
  if (text.ends_with('\n')) text.remove_suffix(1);
  if (text.empty()) return out;
  do {
    const auto first = take_number(text);
    const auto last = take(text, '-') ? take_number(text) : first;
    // Linux lists them in order, so no text can name more than there may be.
    if (!first || !last || *last < *first || (!out.empty() && *first <= out.back())) return std::nullopt;
    for (int number = *first; number <= *last; ++number) out.push_back(number);
  } while (take(text, ','));
  if (!text.empty()) return std::nullopt;
  return out;
}

std::vector<MemoryNode> memory_nodes(std::vector<int> usable, const std::string& folder) {
  std::ranges::sort(usable);
  std::vector<MemoryNode> out;
  for (const auto& [id, processors] : read_nodes(folder).value_or(std::map<int, std::vector<int>>())) {
    MemoryNode node{id, {}};
    std::ranges::set_intersection(usable, processors, std::back_inserter(node.processors));
    if (!node.processors.empty()) out.push_back(std::move(node));
  }
  std::vector<int> all;
  for (const MemoryNode& node : out) all.insert(all.end(), node.processors.begin(), node.processors.end());
  std::ranges::sort(all);
  if (all == usable && !out.empty()) return out;
  return {{0, std::move(usable)}};
}

void bind_thread(std::span<const int> processors) {
  if (processors.empty()) return;
  constexpr int kBits = 8 * sizeof(uint64_t);
  std::vector<uint64_t> mask(static_cast<size_t>(std::ranges::max(processors) / kBits + 1));
  for (const int processor : processors) {
    mask[static_cast<size_t>(processor / kBits)] |= uint64_t{1} << (processor % kBits);
  }
  ::syscall(SYS_sched_setaffinity, 0, mask.size() * sizeof(uint64_t), mask.data());
}

}  // namespace mica
