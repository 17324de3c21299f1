// Finding a model folder's chat template and special tokens.
#include <algorithm>
#include <array>

#include <nlohmann/json.hpp>

#include "mica/base/error.h"
#include "mica/base/file.h"
#include "mica/text/chat_template.h"

namespace mica::text {
namespace {

constexpr uint64_t kMaxTemplateBytes = uint64_t{4} << 20;
constexpr std::array<const char*, 7> kTokenNames = {"bos_token", "eos_token", "unk_token", "sep_token",
                                                    "pad_token", "cls_token", "mask_token"};

Json load_object(const std::filesystem::path& path) {
  if (!std::filesystem::exists(path)) return Json::object();
  Json json = load_json(path);
  if (!json.is_object()) fail("{}: not an object", path.string());
  return json;
}

/// Tokens are strings or {"content": string, …}.
SpecialTokens special_tokens_of(const std::filesystem::path& folder) {
  const Json config = load_object(folder / "tokenizer_config.json");
  const Json map = load_object(folder / "special_tokens_map.json");
  SpecialTokens out;
  for (const char* name : kTokenNames) {
    for (const Json* source : {&config, &map}) {
      const auto found = source->find(name);
      if (found == source->end() || found->is_null()) continue;
      const bool wrapped = found->is_object() && found->contains("content");
      const Json& token = wrapped ? (*found)["content"] : *found;
      if (!token.is_string()) continue;
      out.emplace_back(name, token.get<std::string>());
      break;
    }
  }
  return out;
}

std::vector<ChatTemplate::Source> from_files(const std::filesystem::path& folder) {
  std::vector<ChatTemplate::Source> out;
  const auto single = folder / "chat_template.jinja";
  if (std::filesystem::exists(single)) out.push_back({"default", read_file(single, kMaxTemplateBytes)});
  const auto more = folder / "chat_templates";
  if (!std::filesystem::is_directory(more)) return out;
  for (const auto& item : std::filesystem::directory_iterator(more)) {
    if (item.path().extension() != ".jinja") continue;
    out.push_back({item.path().stem().string(), read_file(item.path(), kMaxTemplateBytes)});
  }
  return out;
}

/// The entry "chat_template" of a JSON file: a template, or a list of {"name": …, "template": …}.
std::vector<ChatTemplate::Source> from_entry(const std::filesystem::path& path) {
  const Json json = load_object(path);
  const auto entry = json.find("chat_template");
  if (entry == json.end() || entry->is_null()) return {};
  if (entry->is_string()) return {{"default", entry->get<std::string>()}};
  std::vector<ChatTemplate::Source> out;
  if (!entry->is_array() && !entry->is_object())
    fail("{}: chat_template is neither a string nor a list", path.string());
  for (const auto& [key, item] : entry->items()) {
    if (entry->is_object() && item.is_string()) {
      out.push_back({key, item.get<std::string>()});
      continue;
    }
    const bool good = item.is_object() && item.contains("name") && item["name"].is_string() &&
                      item.contains("template") && item["template"].is_string();
    if (!good) fail("{}: chat_template has an entry without name and template", path.string());
    out.push_back({item["name"].get<std::string>(), item["template"].get<std::string>()});
  }
  return out;
}

struct Found {
  std::string file;
  std::vector<ChatTemplate::Source> sources;
};

Found find_sources(const std::filesystem::path& folder) {
  if (auto sources = from_files(folder); !sources.empty())
    return {(folder / "chat_template.jinja").string(), std::move(sources)};
  for (const char* name : {"tokenizer_config.json", "chat_template.json"}) {
    if (auto sources = from_entry(folder / name); !sources.empty())
      return {(folder / name).string(), std::move(sources)};
  }
  return {folder.string(), {}};
}

}  // namespace

bool ChatTemplate::exists(const std::filesystem::path& folder) {
  return !find_sources(folder).sources.empty();
}

ChatTemplate ChatTemplate::load(const std::filesystem::path& folder) {
  const Found found = find_sources(folder);
  return {found.sources, found.file, special_tokens_of(folder)};
}

}  // namespace mica::text
