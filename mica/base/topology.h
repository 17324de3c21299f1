#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace mica {

/// A NUMA node: processors and the memory that they reach fastest.
struct MemoryNode {
  int id = 0;
  std::vector<int> processors;  ///< the usable ones, in ascending order
};

/// The numbers of a list as Linux writes them ("0-3,8,10-11\n"), in ascending order; an empty list for an empty text.
/// Null for anything else, and for numbers from 2^20 on.
std::optional<std::vector<int>> parse_processor_list(std::string_view text);

/// The memory nodes that have some of the `usable` processors, by id, read from the node*/cpulist of a folder. Where
/// those are missing, cannot be read or do not place every usable processor on exactly one node, everything counts as
/// one node.
std::vector<MemoryNode> memory_nodes(std::vector<int> usable, const std::string& folder = "/sys/devices/system/node");

/// Lets the calling thread run on these processors only. Where the system does not allow that, nothing changes.
void bind_thread(std::span<const int> processors);

}  // namespace mica
