#include "mica/io/safetensors_writer.h"

#include <array>
#include <cstring>
#include <map>
#include <unordered_set>

#include <nlohmann/json.hpp>

#include "mica/base/error.h"
#include "mica/base/json.h"
#include "mica/base/round_up.h"

namespace mica {
namespace {

/// Index ranges of the shards: [first, last).
std::vector<std::pair<size_t, size_t>> plan_shards(const std::vector<SafetensorsSpec>& tensors, uint64_t max_bytes) {
  std::vector<std::pair<size_t, size_t>> shards = {{0, 0}};
  uint64_t size = 0;
  for (size_t i = 0; i < tensors.size(); ++i) {
    const uint64_t next = tensors[i].size();
    if (i > shards.back().first && size + next > max_bytes) {
      shards.emplace_back(i, i);
      size = 0;
    }
    size += next;
    shards.back().second = i + 1;
  }
  return shards;
}

std::string shard_name(size_t number, size_t count) {
  return count == 1 ? "model.safetensors" : fmt::format("model-{:05}-of-{:05}.safetensors", number + 1, count);
}

}  // namespace

uint64_t SafetensorsSpec::size() const {
  const auto bytes = storage_size(type, shape);
  if (!bytes) fail("tensor {} has the shape {}, which overflows", mica::quoted(name), shape_text(shape));
  return *bytes;
}

std::string safetensors_prefix(const std::string& name, const std::vector<SafetensorsSpec>& tensors,
                               const SafetensorsMetadata& metadata, size_t alignment) {
  Json header = Json::object();
  if (!metadata.empty()) {
    Json& map = header["__metadata__"] = Json::object();
    for (const auto& [key, value] : metadata) map[key] = value;
  }
  // ordered_json looks keys up one by one, so a big header is put together from its entries' texts.
  std::string text = header.dump();
  text.pop_back();
  std::unordered_set<std::string_view> names;
  uint64_t offset = 0;
  for (const SafetensorsSpec& tensor : tensors) {
    if (!names.insert(tensor.name).second || tensor.name == "__metadata__") {
      fail("{}: two tensors named {}", name, mica::quoted(tensor.name));
    }
    const uint64_t end = offset + tensor.size();
    if (text.size() > 1) text += ',';
    text += Json(tensor.name).dump();
    text += fmt::format(R"(:{{"dtype":"{}","shape":{},"data_offsets":[{},{}]}})", storage_name(tensor.type),
                        Json(tensor.shape).dump(), offset, end);
    offset = end;
  }
  text += '}';
  text.append(round_up(sizeof(uint64_t) + text.size(), alignment) - sizeof(uint64_t) - text.size(), ' ');
  const uint64_t length = text.size();
  return std::string(reinterpret_cast<const char*>(&length), sizeof length) + text;
}

SafetensorsWriter::SafetensorsWriter(const std::filesystem::path& path, std::vector<SafetensorsSpec> tensors,
                                     const SafetensorsMetadata& metadata, size_t alignment)
    : path_(path), tensors_(std::move(tensors)), file_(path) {
  file_.write(safetensors_prefix(path_.string(), tensors_, metadata, alignment));
}

void SafetensorsWriter::write(std::span<const std::byte> bytes) {
  if (next_ == tensors_.size()) fail("{}: all {} tensors are written", path_.string(), tensors_.size());
  const SafetensorsSpec& tensor = tensors_[next_];
  if (bytes.size() != tensor.size()) {
    fail("{}: tensor {} of shape {} has {} bytes, given {}", path_.string(), mica::quoted(tensor.name),
         shape_text(tensor.shape), tensor.size(), bytes.size());
  }
  file_.write(bytes);
  ++next_;
}

void SafetensorsWriter::commit() {
  if (next_ != tensors_.size()) fail("{}: {} of {} tensors are written", path_.string(), next_, tensors_.size());
  file_.commit();
}

void save_safetensors_model(const std::filesystem::path& folder, const std::vector<SafetensorsSpec>& tensors,
                            const SafetensorsSaveOptions& options,
                            FunctionRef<std::span<const std::byte>(size_t index)> data) {
  const auto shards = plan_shards(tensors, options.max_shard_bytes);
  std::map<std::string, std::string> weight_map;
  uint64_t total = 0;
  for (size_t s = 0; s < shards.size(); ++s) {
    const auto [first, last] = shards[s];
    const std::string name = shard_name(s, shards.size());
    SafetensorsWriter writer(
        folder / name,
        {tensors.begin() + static_cast<std::ptrdiff_t>(first), tensors.begin() + static_cast<std::ptrdiff_t>(last)},
        options.metadata);
    for (size_t i = first; i < last; ++i) {
      writer.write(data(i));
      weight_map[tensors[i].name] = name;
      total += tensors[i].size();
    }
    writer.commit();
  }
  Json index = Json::object();
  index["metadata"] = Json::object();
  index["metadata"]["total_size"] = total;
  index["metadata"]["total_parameters"] = options.total_parameters;
  Json map = Json::object();
  // Not emplace(), which would search for each key.
  auto& object = map.get_ref<Json::object_t&>();
  for (const auto& [tensor, file] : weight_map) object.push_back({tensor, file});
  index["weight_map"] = std::move(map);
  write_file(folder / "model.safetensors.index.json", index.dump(4, ' ', true));
}

}  // namespace mica
