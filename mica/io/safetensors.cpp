#include "mica/io/safetensors.h"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <set>

#include <nlohmann/json.hpp>

#include "mica/base/error.h"
#include "mica/base/json.h"
#include "mica/base/log.h"
#include "mica/io/safetensors_header.h"

namespace mica {
namespace {

constexpr uint64_t kMaxHeaderBytes = 100'000'000;
constexpr size_t kLengthBytes = 8;
constexpr std::string_view kIndexName = "model.safetensors.index.json";

SafetensorsHeader read_header(const MappedFile& file, uint64_t& data_start) {
  const std::span<const std::byte> bytes = file.bytes();
  const std::string name = file.path().string();
  uint64_t length = 0;
  if (bytes.size() < kLengthBytes) fail("{}: {} bytes are too few for a safetensors file", name, bytes.size());
  std::memcpy(&length, bytes.data(), kLengthBytes);
  if (length > kMaxHeaderBytes) {
    fail("{}: offset 0: a header of {} bytes, more than the {} allowed; is this a safetensors file?", name, length,
         kMaxHeaderBytes);
  }
  if (length > bytes.size() - kLengthBytes) {
    fail("{}: offset 0: a header of {} bytes, the file has {}", name, length, bytes.size());
  }
  data_start = kLengthBytes + length;
  const auto* text = reinterpret_cast<const char*>(bytes.data() + kLengthBytes);
  return parse_safetensors_header({text, length}, name);
}

/// The format wants the tensors to cover the data exactly: no gap, no overlap, nothing after them.
void check_layout(const SafetensorsHeader& header, const MappedFile& file, uint64_t data_start) {
  const std::string name = file.path().string();
  const uint64_t data_size = file.bytes().size() - data_start;
  std::vector<const SafetensorsHeaderEntry*> order;
  order.reserve(header.entries.size());
  for (const SafetensorsHeaderEntry& entry : header.entries) order.push_back(&entry);
  std::ranges::sort(order, {}, [](const auto* entry) { return std::pair(entry->begin, entry->end); });
  uint64_t end = 0;
  for (const SafetensorsHeaderEntry* entry : order) {
    if (entry->end > data_size) {
      fail("{}: tensor {} ends at offset {}, the file has {} bytes", name, mica::quoted(entry->name),
           data_start + entry->end, file.bytes().size());
    }
    if (entry->begin != end) {
      fail("{}: tensor {} starts at offset {}, {} the previous one's end at {}", name, mica::quoted(entry->name),
           data_start + entry->begin, entry->begin < end ? "before" : "after", data_start + end);
    }
    end = entry->end;
  }
  if (end != data_size) {
    fail("{}: offset {}: {} bytes follow the last tensor", name, data_start + end, data_size - end);
  }
}

/// A shard's name from an index: a plain file name, so that an index cannot reach outside its folder.
void check_shard_name(const std::string& name, const std::string& index_path) {
  const bool plain = !name.empty() && name.find_first_of(std::string_view("/\\\0", 3)) == std::string::npos &&
                     name != "." && name != ".." && name.ends_with(".safetensors");
  if (!plain) fail("{}: {} is not the name of a safetensors file in this folder", index_path, mica::quoted(name));
}

using WeightMap = std::vector<std::pair<std::string, std::string>>;

/// Tensor → file name pairs of an index.
WeightMap read_index(const std::filesystem::path& path) {
  const Json index = load_json(path);
  if (!index.is_object() || !index.contains("weight_map") || !index["weight_map"].is_object()) {
    fail("{}: weight_map is missing", path.string());
  }
  WeightMap map;
  for (const auto& [tensor, file] : index["weight_map"].items()) {
    if (!file.is_string()) fail("{}: weight_map {} is not a file name", path.string(), mica::quoted(tensor));
    map.emplace_back(tensor, file.get<std::string>());
    check_shard_name(map.back().second, path.string());
  }
  return map;
}

/// Files model*.safetensors in the folder, sorted.
std::vector<std::filesystem::path> model_files(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> files;
  for (const auto& item : std::filesystem::directory_iterator(folder)) {
    const std::string name = item.path().filename().string();
    if (name.starts_with("model") && name.ends_with(".safetensors")) files.push_back(item.path());
  }
  std::ranges::sort(files);
  return files;
}

/// Files that the index names, sorted.
std::vector<std::filesystem::path> indexed_files(const std::filesystem::path& folder, const WeightMap& map) {
  std::set<std::filesystem::path> files;
  for (const auto& [tensor, file] : map) files.insert(folder / file);
  return {files.begin(), files.end()};
}

}  // namespace

Safetensors Safetensors::open(const std::filesystem::path& path) {
  Safetensors out;
  out.path_ = path;
  if (!std::filesystem::is_directory(path)) return parse(MappedFile::open(path));
  const std::filesystem::path index_path = path / kIndexName;
  WeightMap map;
  if (std::filesystem::exists(index_path)) map = read_index(index_path);
  std::vector<std::filesystem::path> files = indexed_files(path, map);
  const auto exists = [](const std::filesystem::path& file) { return std::filesystem::exists(file); };
  if (std::ranges::none_of(files, exists)) {
    // Re-quantized models often still carry the index of the model they came from; mlx-lm reads such folders too.
    if (!files.empty()) log(LogLevel::warning, "{}: names no file of this folder and is ignored", index_path.string());
    map.clear();
    files = model_files(path);
  }
  if (files.empty()) fail("{}: no model*.safetensors in this folder", path.string());
  for (const auto& file : files) out.add_file(MappedFile::open(file));
  for (const auto& [tensor, file] : map) {
    const SafetensorsEntry* entry = out.find(tensor);
    if (!entry) fail("{}: tensor {} is in none of the files", index_path.string(), mica::quoted(tensor));
    if (entry->owner->path().filename() != file) {
      fail("{}: tensor {} is in {}, not in {}", index_path.string(), mica::quoted(tensor),
           entry->owner->path().filename().string(), file);
    }
  }
  return out;
}

Safetensors Safetensors::parse(const std::shared_ptr<const MappedFile>& file) {
  Safetensors out;
  out.path_ = file->path();
  out.add_file(file);
  return out;
}

void Safetensors::add_file(const std::shared_ptr<const MappedFile>& file) {
  uint64_t data_start = 0;
  SafetensorsHeader header = read_header(*file, data_start);
  check_layout(header, *file, data_start);
  if (entries_.empty()) metadata_ = std::move(header.metadata);
  entries_.reserve(entries_.size() + header.entries.size());
  index_.reserve(entries_.size() + header.entries.size());
  for (SafetensorsHeaderEntry& entry : header.entries) {
    const auto [same, is_new] = index_.emplace(entry.name, entries_.size());
    if (!is_new) {
      fail("{}: tensor {} at offset {} is also in {}", file->path().string(), mica::quoted(entry.name),
           data_start + entry.begin, entries_[same->second].owner->path().string());
    }
    const auto bytes = file->bytes().subspan(data_start + entry.begin, entry.end - entry.begin);
    entries_.push_back({std::move(entry.name), entry.type, std::move(entry.shape), bytes, file});
  }
}

const SafetensorsEntry* Safetensors::find(std::string_view name) const {
  const auto found = index_.find(std::string(name));
  return found == index_.end() ? nullptr : &entries_[found->second];
}

const SafetensorsEntry& Safetensors::get(std::string_view name) const {
  const SafetensorsEntry* entry = find(name);
  if (!entry) fail("{}: tensor {} is missing", path_.string(), quoted(name));
  return *entry;
}

}  // namespace mica
