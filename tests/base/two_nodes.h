#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <sched.h>

#include "mica/base/cpu_info.h"
#include "mica/base/topology.h"
#include "tests/io/temp_folder.h"

namespace mica::test {

/// A folder as /sys/devices/system/node is.
class NodeFolder {
 public:
  std::string path() const { return folder_.path().string(); }

  void add(const std::string& name, const std::string& list) const {
    std::filesystem::create_directory(folder_.path() / name);
    folder_.write(name + "/cpulist", list);
  }

 private:
  TempFolder folder_;
};

/// Two nodes of one usable processor each; fewer where there are not two of those.
inline std::vector<MemoryNode> two_nodes() {
  std::vector<int> usable = usable_processors();
  if (usable.size() < 2) return {};
  usable.resize(2);
  const NodeFolder folder;
  folder.add("node0", std::to_string(usable[0]) + "\n");
  folder.add("node1", std::to_string(usable[1]) + "\n");
  return memory_nodes(usable, folder.path());
}

/// The processors that the calling thread may run on.
inline std::vector<int> allowed_processors() {
  cpu_set_t set;
  CPU_ZERO(&set);
  EXPECT_EQ(::sched_getaffinity(0, sizeof(set), &set), 0);
  std::vector<int> out;
  for (int i = 0; i < CPU_SETSIZE; ++i) {
    if (CPU_ISSET(i, &set)) out.push_back(i);
  }
  return out;
}

/// Where the calling thread's node is among a pool's: a thread that is bound to none is the one that started the loop.
inline size_t own_node(std::span<const MemoryNode> nodes) {
  const std::vector<int> allowed = allowed_processors();
  for (size_t node = 0; node < nodes.size(); ++node) {
    if (nodes[node].processors == allowed) return node;
  }
  return 0;
}

}  // namespace mica::test
