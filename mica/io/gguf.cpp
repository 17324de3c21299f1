#include "mica/io/gguf.h"

#include <functional>
#include <numeric>

#include "mica/base/error.h"
#include "mica/io/gguf_parser.h"

namespace mica {
namespace {

constexpr uint64_t kMaxShards = 4096;

std::string shard_suffix(uint64_t number, uint64_t count) {
  return fmt::format("-{:05}-of-{:05}.gguf", number, count);
}

/// The part of the first shard's file name before "-00001-of-0000N.gguf"; an Error when it is not named so.
std::string shard_prefix(const std::filesystem::path& path, uint64_t count) {
  const std::string name = path.filename().string();
  const std::string suffix = shard_suffix(1, count);
  if (!name.ends_with(suffix)) {
    fail("{}: the first of {} shards (split.count), so its name must end in {}", path.string(), count, suffix);
  }
  return name.substr(0, name.size() - suffix.size());
}

}  // namespace

int64_t GgufTensor::elements() const {
  return std::accumulate(dims.begin(), dims.end(), int64_t{1}, std::multiplies<>());
}

GgufFile GgufFile::open(const std::filesystem::path& path) {
  GgufFile file = GgufParser::parse(path);
  file.add_shards();
  file.index_tensors();
  return file;
}

void GgufFile::add_shards() {
  const uint64_t count = get_u64("split.count", 1);
  if (count <= 1) return;
  if (count > kMaxShards) fail("{}: split.count is {}, more than {}", path_.string(), count, kMaxShards);
  if (const uint64_t number = get_u64("split.no", 0); number != 0) {
    fail("{}: shard {} of {}; open the first one, …{}", path_.string(), number + 1, count, shard_suffix(1, count));
  }
  const std::string prefix = shard_prefix(path_, count);
  for (uint64_t number = 1; number < count; ++number) {
    GgufFile shard = GgufParser::parse(path_.parent_path() / (prefix + shard_suffix(number + 1, count)));
    if (shard.get_u64("split.count") != count || shard.get_u64("split.no") != number) {
      fail("{}: split.no {} of split.count {}, expected {} of {}", shard.path().string(), shard.get_u64("split.no"),
           shard.get_u64("split.count"), number, count);
    }
    const GgufValue* architecture = shard.find("general.architecture");
    if (architecture && architecture->as_string() != get_string("general.architecture", "")) {
      fail("{}: general.architecture is {}, the first shard's is {}", shard.path().string(),
           quoted(architecture->as_string()), quoted(get_string("general.architecture", "")));
    }
    std::move(shard.tensors_.begin(), shard.tensors_.end(), std::back_inserter(tensors_));
  }
  const uint64_t expected = get_u64("split.tensors.count", tensors_.size());
  if (expected != tensors_.size()) {
    fail("{}: split.tensors.count is {}, the shards have {} tensors", path_.string(), expected, tensors_.size());
  }
}

void GgufFile::index_tensors() {
  tensor_index_.reserve(tensors_.size());
  for (size_t i = 0; i < tensors_.size(); ++i) {
    if (!tensor_index_.emplace(tensors_[i].name, i).second) {
      fail("{}: tensor {} at offset {} appears twice", tensors_[i].owner->path().string(),
           mica::quoted(tensors_[i].name), tensors_[i].offset());
    }
  }
}

const GgufValue* GgufFile::find(std::string_view key) const {
  const auto found = value_index_.find(key);
  return found == value_index_.end() ? nullptr : &values_[found->second];
}

const GgufValue& GgufFile::get(std::string_view key) const {
  const GgufValue* value = find(key);
  if (!value) fail("{}: key {} is missing", path_.string(), quoted(key));
  return *value;
}

uint64_t GgufFile::get_u64(std::string_view key, uint64_t fallback) const {
  const GgufValue* value = find(key);
  return value ? value->as_u64() : fallback;
}

int64_t GgufFile::get_i64(std::string_view key, int64_t fallback) const {
  const GgufValue* value = find(key);
  return value ? value->as_i64() : fallback;
}

double GgufFile::get_f64(std::string_view key, double fallback) const {
  const GgufValue* value = find(key);
  return value ? value->as_f64() : fallback;
}

bool GgufFile::get_bool(std::string_view key, bool fallback) const {
  const GgufValue* value = find(key);
  return value ? value->as_bool() : fallback;
}

std::string_view GgufFile::get_string(std::string_view key, std::string_view fallback) const {
  const GgufValue* value = find(key);
  return value ? value->as_string() : fallback;
}

const GgufTensor* GgufFile::find_tensor(std::string_view name) const {
  const auto found = tensor_index_.find(std::string(name));
  return found == tensor_index_.end() ? nullptr : &tensors_[found->second];
}

const GgufTensor& GgufFile::get_tensor(std::string_view name) const {
  const GgufTensor* tensor = find_tensor(name);
  if (!tensor) fail("{}: tensor {} is missing", path_.string(), quoted(name));
  return *tensor;
}

}  // namespace mica
