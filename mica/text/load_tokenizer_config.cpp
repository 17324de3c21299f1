#include <algorithm>
#include <filesystem>

#include <nlohmann/json.hpp>

#include "mica/base/error.h"
#include "mica/base/file.h"
#include "mica/base/json.h"
#include "mica/text/load_tokenizer.h"

namespace mica::text {
namespace fs = std::filesystem;
namespace {

constexpr uint64_t max_template_bytes = uint64_t{4} << 20;

// A token in a configuration: its string, or an object with its "content".
std::optional<std::string> token_content(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_object() && value.contains("content") && value["content"].is_string()) {
    return value["content"].get<std::string>();
  }
  return std::nullopt;
}

void set_special(const Json& config, const char* key, const TokenizerData& data, std::optional<int32_t>& out) {
  if (out || !config.is_object() || !config.contains(key)) return;
  if (const auto content = token_content(config[key])) out = data.find_token(*content);
}

void set_template(TokenizerData& data, std::string name, std::string text) {
  const auto same = [&](const auto& entry) { return entry.first == name; };
  const auto it = std::find_if(data.templates.begin(), data.templates.end(), same);
  if (it != data.templates.end())
    it->second = std::move(text);
  else
    data.templates.emplace_back(std::move(name), std::move(text));
}

// One template, or a list of {"name": …, "template": …}.
void read_templates(const Json& config, TokenizerData& data) {
  if (!config.is_object() || !config.contains("chat_template")) return;
  const Json& value = config["chat_template"];
  if (value.is_string()) return set_template(data, "default", value.get<std::string>());
  if (!value.is_array()) return;
  for (const Json& entry : value) {
    if (!entry.is_object() || !entry.contains("name") || !entry.contains("template")) continue;
    if (!entry["name"].is_string() || !entry["template"].is_string()) continue;
    set_template(data, entry["name"].get<std::string>(), entry["template"].get<std::string>());
  }
}

void read_template_files(const fs::path& folder, TokenizerData& data) {
  const fs::path main = folder / "chat_template.jinja";
  if (fs::exists(main)) set_template(data, "default", read_file(main, max_template_bytes));
  const fs::path more = folder / "additional_chat_templates";
  if (!fs::is_directory(more)) return;
  for (const auto& entry : fs::directory_iterator(more)) {
    if (entry.path().extension() != ".jinja") continue;
    set_template(data, entry.path().stem().string(), read_file(entry.path(), max_template_bytes));
  }
}

void read_end_tokens(const fs::path& path, TokenizerData& data) {
  if (!fs::exists(path)) return;
  const Json config = load_json(path);
  if (!config.is_object() || !config.contains("eos_token_id")) return;
  const auto add = [&](const Json& id) {
    if (!id.is_number_integer()) return;
    const auto value = id.get<int64_t>();
    // Configurations name tokens that the vocabulary lacks now and then; those can't be produced.
    if (value >= 0 && value <= Vocab::max_id) data.end_tokens.push_back(static_cast<int32_t>(value));
  };
  const Json& value = config["eos_token_id"];
  if (value.is_array()) {
    for (const Json& id : value) add(id);
  } else {
    add(value);
  }
}

// Classes of transformers that put BOS and EOS around a text as the configuration says, whatever tokenizer.json says.
void apply_bos_flags(const Json& config, TokenizerData& data) {
  const auto flag = [&](const char* key) {
    return config.is_object() && config.contains(key) && config[key].is_boolean()
               ? std::optional(config[key].get<bool>())
               : std::nullopt;
  };
  if (!config.is_object() || !config.contains("tokenizer_class") || !config["tokenizer_class"].is_string()) return;
  const auto type = config["tokenizer_class"].get<std::string>();
  if (!type.starts_with("Llama") && !type.starts_with("CodeLlama") && !type.starts_with("Gemma")) return;
  const auto set = [](std::optional<bool> wanted, std::optional<int32_t> id, std::vector<int32_t>& ids) {
    if (!wanted || !id) return;
    const auto it = std::find(ids.begin(), ids.end(), *id);
    if (*wanted && it == ids.end()) ids.push_back(*id);
    if (!*wanted && it != ids.end()) ids.erase(it);
  };
  set(flag("add_bos_token"), data.bos, data.pipeline.prefix);
  set(flag("add_eos_token"), data.eos, data.pipeline.suffix);
}

}  // namespace

void load_tokenizer_config(const fs::path& folder, TokenizerData& data) {
  Json config;
  for (const char* name : {"tokenizer_config.json", "special_tokens_map.json"}) {
    const fs::path path = folder / name;
    if (!fs::exists(path)) continue;
    const Json json = load_json(path);
    set_special(json, "bos_token", data, data.bos);
    set_special(json, "eos_token", data, data.eos);
    set_special(json, "unk_token", data, data.unk);
    set_special(json, "pad_token", data, data.pad);
    if (config.is_null()) config = json;
    read_templates(json, data);
  }
  read_template_files(folder, data);
  read_end_tokens(folder / "generation_config.json", data);
  std::erase_if(data.end_tokens, [&](int32_t id) {
    const auto is_id = [&](const AddedToken& token) { return token.id == id; };
    return !data.vocab.has(id) && std::none_of(data.added.begin(), data.added.end(), is_id);
  });
  apply_bos_flags(config, data);
}

}  // namespace mica::text
