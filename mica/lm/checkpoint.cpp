#include <nlohmann/json.hpp>

#include "mica/base/error.h"
#include "mica/io/safetensors.h"
#include "mica/io/stored_array.h"
#include "mica/lm/weights.h"

namespace mica::lm {
namespace {

namespace fs = std::filesystem;

/// Names that are not MLX's: the text part of a multimodal checkpoint, tables that mica computes itself.
void adapt_names(Weights& weights) {
  for (const std::string& path : weights.paths()) {
    const auto rename_prefix = [&](std::string_view from, std::string_view to) {
      if (!path.starts_with(from)) return false;
      weights.rename(path, std::string(to) + path.substr(from.size()));
      return true;
    };
    const bool foreign = path.starts_with("vision_tower.") || path.starts_with("multi_modal_projector.") ||
                         path.starts_with("model.vision_tower.") || path.starts_with("model.multi_modal_projector.");
    if (foreign || path.ends_with("rotary_emb.inv_freq")) {
      weights.drop(path);
    } else if (!rename_prefix("language_model.model.", "model.") && !rename_prefix("model.language_model.", "model.")) {
      rename_prefix("language_model.lm_head.", "lm_head.");
    }
  }
}

/// A text model inside of a multimodal configuration stands for itself.
Config text_config(Config config) {
  auto inner = config.object("text_config");
  if (!inner || !inner->has("model_type")) return config;
  Json json = inner->json();
  for (const char* key : {"quantization", "quantization_config", "tie_word_embeddings"}) {
    if (config.has(key) && !inner->has(key)) json[key] = config.json().at(key);
  }
  return Config(std::move(json), config.name());
}

}  // namespace

Config open_config(const fs::path& path) {
  if (!fs::is_directory(path)) return open_gguf_checkpoint(path).config;
  return text_config(Config(load_json(path / "config.json"), (path / "config.json").string()));
}

Checkpoint open_checkpoint(const fs::path& path) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (!fs::exists(status)) fail("{}: there is no such file or folder", path.string());
  if (!fs::is_directory(status)) return open_gguf_checkpoint(path);
  Config config = open_config(path);
  const Safetensors file = Safetensors::open(path);
  Checkpoint out{config, Weights(config), {}, 0, 0, "safetensors"};
  for (const SafetensorsEntry& entry : file.entries()) {
    const auto dtype = dtype_of(entry.type);
    if (!dtype) fail("{}: tensor {}: type {} is not supported", path.string(), entry.name, storage_name(entry.type));
    array value = array_of_bytes(entry.owner, entry.bytes, Shape(entry.shape.begin(), entry.shape.end()), *dtype);
    out.bytes += entry.bytes.size();
    const bool extra = entry.name.ends_with(".scales") || entry.name.ends_with(".biases");
    // Packed codes hold several parameters a word; their scales are none.
    if (!extra && *dtype != uint32) out.parameters += value.size();
    if (*dtype == uint32) {
      const Config section = config.object("quantization").value_or(config);
      out.parameters += value.size() * 32 / static_cast<uint64_t>(section.integer("bits", 4));
    }
    out.weights.add(entry.name, std::move(value));
  }
  adapt_names(out.weights);
  return out;
}

}  // namespace mica::lm
