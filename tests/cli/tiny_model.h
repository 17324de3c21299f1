#pragma once

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "mica/base/file.h"
#include "mica/base/json.h"
#include "mica/io/safetensors_writer.h"
#include "tests/io/gguf_builder.h"

namespace mica::test {

/// A parameter: shape and float values that are neither all equal nor large.
struct TinyTensor {
  std::vector<int64_t> shape;
  StorageType type = StorageType::f32;

  std::string bytes() const {
    int64_t count = 1;
    for (const int64_t length : shape) count *= length;
    std::string out;
    for (int64_t i = 0; i < count; ++i) {
      const float value = 0.03f * static_cast<float>((i * 7 + 3) % 11 - 5);
      if (type == StorageType::f32) {
        out.append(reinterpret_cast<const char*>(&value), 4);
      } else {
        out.append(storage_bytes(type), static_cast<char>(i % 3));
      }
    }
    return out;
  }
};

/// A Llama of one layer, with everything that makes it up open to change before it is written.
struct TinyModel {
  static constexpr int kVocab = 16;

  Json config = {{"model_type", "llama"},      {"vocab_size", kVocab},   {"hidden_size", 16},
                 {"intermediate_size", 24},    {"num_hidden_layers", 1}, {"num_attention_heads", 2},
                 {"num_key_value_heads", 1},   {"rms_norm_eps", 1e-5},   {"max_position_embeddings", 64},
                 {"tie_word_embeddings", true}};
  Json tokenizer = {{"model", {{"type", "BPE"}, {"vocab", letters()}, {"merges", Json::array()}}}};
  std::map<std::string, TinyTensor> tensors = {
      {"model.embed_tokens.weight", {{kVocab, 16}}},
      {"model.norm.weight", {{16}}},
      {"model.layers.0.input_layernorm.weight", {{16}}},
      {"model.layers.0.post_attention_layernorm.weight", {{16}}},
      {"model.layers.0.self_attn.q_proj.weight", {{16, 16}}},
      {"model.layers.0.self_attn.k_proj.weight", {{8, 16}}},
      {"model.layers.0.self_attn.v_proj.weight", {{8, 16}}},
      {"model.layers.0.self_attn.o_proj.weight", {{16, 16}}},
      {"model.layers.0.mlp.gate_proj.weight", {{24, 16}}},
      {"model.layers.0.mlp.up_proj.weight", {{24, 16}}},
      {"model.layers.0.mlp.down_proj.weight", {{16, 24}}},
  };
  /// Files written as they are, instead of or besides the model's.
  std::map<std::string, std::string> files;
  /// Names of files to leave out.
  std::vector<std::string> without;

  static Json letters() {
    Json out = Json::object();
    for (int i = 0; i < kVocab; ++i) out[std::string(1, static_cast<char>('a' + i))] = i;
    return out;
  }

  /// The bytes of model.safetensors.
  std::string safetensors(const std::filesystem::path& scratch) const {
    std::vector<SafetensorsSpec> specs;
    specs.reserve(tensors.size());
    for (const auto& [name, tensor] : tensors) specs.push_back({name, tensor.type, tensor.shape});
    SafetensorsWriter writer(scratch, specs, {});
    for (const auto& [name, tensor] : tensors) {
      const std::string bytes = tensor.bytes();
      writer.write(std::as_bytes(std::span(bytes)));
    }
    writer.commit();
    return read_file(scratch, uint64_t{1} << 30);
  }

  void write(const std::filesystem::path& folder) const {
    std::map<std::string, std::string> all = {{"config.json", config.dump()},
                                              {"tokenizer.json", tokenizer.dump()},
                                              {"model.safetensors", safetensors(folder / "scratch")}};
    std::filesystem::remove(folder / "scratch");
    for (const auto& [name, text] : files) all[name] = text;
    for (const std::string& name : without) all.erase(name);
    for (const auto& [name, text] : all) write_file(folder / name, text);
  }
};

/// The same model as a GGUF file.
struct TinyGguf {
  std::map<std::string, uint32_t> numbers = {
      {"llama.embedding_length", 16},       {"llama.block_count", 1},
      {"llama.feed_forward_length", 24},    {"llama.attention.head_count", 2},
      {"llama.attention.head_count_kv", 1}, {"llama.context_length", 64},
  };
  std::map<std::string, std::string> texts = {
      {"general.architecture", "llama"}, {"tokenizer.ggml.model", "gpt2"}, {"tokenizer.ggml.pre", "default"}};
  int vocabulary = TinyModel::kVocab;
  struct Tensor {
    std::vector<int64_t> dims;
    uint32_t type = 0;  ///< F32
  };
  std::map<std::string, Tensor> tensors = {
      {"token_embd.weight", {{16, TinyModel::kVocab}}},
      {"output_norm.weight", {{16}}},
      {"blk.0.attn_norm.weight", {{16}}},
      {"blk.0.ffn_norm.weight", {{16}}},
      {"blk.0.attn_q.weight", {{16, 16}}},
      {"blk.0.attn_k.weight", {{16, 8}}},
      {"blk.0.attn_v.weight", {{16, 8}}},
      {"blk.0.attn_output.weight", {{16, 16}}},
      {"blk.0.ffn_gate.weight", {{16, 24}}},
      {"blk.0.ffn_up.weight", {{16, 24}}},
      {"blk.0.ffn_down.weight", {{24, 16}}},
  };

  std::string bytes() const {
    GgufBuilder builder;
    for (const auto& [key, value] : texts) builder.string(key, value);
    for (const auto& [key, value] : numbers) builder.u32(key, value);
    builder.key("llama.attention.layer_norm_rms_epsilon", 6, GgufBuilder::raw(1e-5f));
    std::vector<std::string> tokens;
    tokens.reserve(static_cast<size_t>(vocabulary));
    for (int i = 0; i < vocabulary; ++i) tokens.emplace_back(1, static_cast<char>('a' + i));
    builder.strings("tokenizer.ggml.tokens", tokens);
    builder.strings("tokenizer.ggml.merges", {});
    std::string data;
    for (const auto& [name, tensor] : tensors) {
      builder.tensor(name, tensor.dims, tensor.type, data.size());
      // Of an absurd shape, some of its data is enough.
      int64_t count = 1;
      for (const int64_t dim : tensor.dims) count = std::min<int64_t>(count * std::min<int64_t>(dim, 4096), 4096);
      data += TinyTensor{{count}}.bytes();
      data.append((32 - data.size() % 32) % 32, '\0');
    }
    return builder.data(data).bytes();
  }
};

}  // namespace mica::test
