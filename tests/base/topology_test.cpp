#include "mica/base/topology.h"

#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "tests/base/two_nodes.h"

namespace mica {
namespace {

using test::NodeFolder;
using Numbers = std::vector<int>;

TEST(ProcessorList, ReadsWhatLinuxWrites) {
  EXPECT_EQ(parse_processor_list("0-3,8,10-11\n"), (Numbers{0, 1, 2, 3, 8, 10, 11}));
  EXPECT_EQ(parse_processor_list("5"), Numbers{5});
  EXPECT_EQ(parse_processor_list("1048575"), Numbers{1048575});
  EXPECT_EQ(parse_processor_list("7-7"), Numbers{7});
  EXPECT_EQ(parse_processor_list(""), Numbers());
  EXPECT_EQ(parse_processor_list("\n"), Numbers());
}

TEST(ProcessorList, RefusesAnythingElse) {
  for (const char* text : {"x",
                           "0-",
                           "-3",
                           "3-1",
                           "0,,1",
                           "0,",
                           ",0",
                           "0-1-2",
                           "0 1",
                           " 0",
                           "0\n\n",
                           "+1",
                           "0x1",
                           "0-3:2",
                           "1,0",
                           "0-4,4",
                           "1048576",
                           "0-1048576",
                           "99999999999999999999",
                           "0-99999999999999999999",
                           "-1",
                           "--1"}) {
    EXPECT_FALSE(parse_processor_list(text)) << text;
  }
  EXPECT_FALSE(parse_processor_list(std::string("0\0", 2)));
}

/// The nodes as text: "id:processors id:processors".
std::string text(const std::vector<MemoryNode>& nodes) {
  std::string out;
  for (const MemoryNode& node : nodes) {
    out += (out.empty() ? "" : " ") + std::to_string(node.id) + ":";
    for (const int processor : node.processors) out += " " + std::to_string(processor);
  }
  return out;
}

TEST(MemoryNodes, HaveTheirUsableProcessors) {
  const NodeFolder folder;
  folder.add("node0", "0-3,8-11\n");
  folder.add("node1", "4-7,12-15\n");
  folder.add("node2", "\n");  // memory without processors
  folder.add("node10", "16-17\n");
  folder.add("power", "garbage");
  EXPECT_EQ(text(memory_nodes({9, 0, 1, 5, 16}, folder.path())), "0: 0 1 9 1: 5 10: 16");
  EXPECT_EQ(text(memory_nodes({5, 6}, folder.path())), "1: 5 6");
}

TEST(MemoryNodes, AreOneWhereTheFolderDoesNotTell) {
  EXPECT_EQ(text(memory_nodes({0, 1}, "/no/such/folder")), "0: 0 1");
  const std::vector<std::pair<std::string, std::string>> second = {{"node1", "garbage"},
                                                                   {"node1", "0-1"},
                                                                   {"node1", "2"},
                                                                   {"node1", ""},
                                                                   {"node1x", "1"},
                                                                   {"node", "1"},
                                                                   {"node1", "1-9999999999"},
                                                                   {"node1", std::string(1 << 17, '1')}};
  for (const auto& [name, list] : second) {
    const NodeFolder folder;
    folder.add("node0", "0\n");
    folder.add(name, list);
    EXPECT_EQ(text(memory_nodes({0, 1}, folder.path())), "0: 0 1") << name << " " << list.substr(0, 20);
  }
  const NodeFolder folder;
  folder.add("node0", "0\n");
  std::filesystem::create_directories(folder.path() + "/node1/cpulist");  // a folder, not a file
  EXPECT_EQ(text(memory_nodes({0, 1}, folder.path())), "0: 0 1");
}

TEST(MemoryNodes, OfThisMachineHaveAllUsableProcessors) {
  size_t count = 0;
  for (const MemoryNode& node : memory_nodes(usable_processors())) count += node.processors.size();
  EXPECT_EQ(count, usable_processors().size());
}

TEST(MemoryNodes, AThreadCanBeBoundToOne) {
  const std::vector<int> before = test::allowed_processors();
  std::vector<int> bound, refused;
  std::thread([&] {
    bind_thread(Numbers{before.back()});
    bound = test::allowed_processors();
    bind_thread(Numbers{1 << 19});  // there is no such processor
    bind_thread({});
    refused = test::allowed_processors();
  }).join();
  EXPECT_EQ(bound, Numbers{before.back()});
  EXPECT_EQ(refused, bound);
  EXPECT_EQ(test::allowed_processors(), before);
}

}  // namespace
}  // namespace mica
