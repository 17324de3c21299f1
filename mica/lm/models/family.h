#pragma once

#include <string>
#include <vector>

#include "mica/lm/config.h"
#include "mica/lm/description.h"

namespace mica::lm {

/// The description of a model from its configuration; throws Error for a model_type that mica does not know or a
/// configuration that makes no sense.
ModelDescription describe(const Config& config);

/// All known values of model_type, sorted.
std::vector<std::string> model_types();

// The families, one file each.
ModelDescription describe_llama(const Config& config);
ModelDescription describe_mistral(const Config& config);
ModelDescription describe_qwen2(const Config& config);
ModelDescription describe_qwen3(const Config& config);
ModelDescription describe_qwen3_moe(const Config& config);
ModelDescription describe_gemma(const Config& config);
ModelDescription describe_gemma2(const Config& config);
ModelDescription describe_gemma3_text(const Config& config);
ModelDescription describe_phi3(const Config& config);
ModelDescription describe_olmo2(const Config& config);
ModelDescription describe_granite(const Config& config);
ModelDescription describe_smollm3(const Config& config);

// What families share.

/// The Llama decoder: pre-norm RMSNorm, grouped-query attention with RoPE, gated SiLU. Reads the sizes and flags that
/// all families name alike; each changes what differs.
ModelDescription llama_like(const Config& config);

/// Whether layer i attends to a sliding window only, from layer_types ("sliding_attention", "full_attention"). Empty
/// when the configuration has no layer_types.
std::vector<bool> sliding_layers(const Config& config);

ActivationKind activation_kind(const Config& config, const std::string& name);

}  // namespace mica::lm
