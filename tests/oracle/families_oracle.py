"""Writes tests/fixtures/families/<case>/: tiny random checkpoints of every model family and their logits.

Run by hand: pip install torch transformers==5.23.0 safetensors numpy, then python families_oracle.py
The weights are float16-exact values kept in float16 to stay small; the reference computes in float32. Norm weights
and biases are random too: with their initial ones and zeros, swapped or forgotten parameters would go unnoticed.
"""
import json
import os
import shutil

import numpy as np
import torch
import transformers
from safetensors.torch import save_file

torch.set_num_threads(2)
root = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "fixtures", "families")
shutil.rmtree(root, ignore_errors=True)

COMMON = dict(vocab_size=97, hidden_size=48, intermediate_size=64, num_hidden_layers=3, num_attention_heads=4,
              num_key_value_heads=2, max_position_embeddings=256, bos_token_id=1, eos_token_id=2, pad_token_id=0)
TOKENS = [1, 5, 9, 33, 96, 4, 4, 17, 60, 2, 71, 8, 23, 55, 42, 90, 3, 12, 66, 31, 7, 88, 19, 27]


def rope(kind, **values):
    return {"rope_theta": 10000.0, "rope_type": kind, **values}


LLAMA3 = rope("llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=16)
YARN = rope("yarn", factor=4.0, original_max_position_embeddings=16)

CASES = {
    "llama": ("LlamaConfig", dict(tie_word_embeddings=False)),
    "llama_bias_tied": ("LlamaConfig", dict(attention_bias=True, mlp_bias=True, tie_word_embeddings=True, head_dim=16)),
    "llama_llama3": ("LlamaConfig", dict(rope_parameters=LLAMA3)),
    "llama_yarn": ("LlamaConfig", dict(rope_parameters=YARN)),
    "llama_linear": ("LlamaConfig", dict(rope_parameters=rope("linear", factor=2.0))),
    "llama_dynamic": ("LlamaConfig", dict(rope_parameters=rope("dynamic", factor=2.0), max_position_embeddings=16)),
    "mistral_window": ("MistralConfig", dict(sliding_window=7, head_dim=12)),
    "qwen2": ("Qwen2Config", dict(tie_word_embeddings=True)),
    "qwen2_window": ("Qwen2Config", dict(use_sliding_window=True, sliding_window=6, max_window_layers=1)),
    "qwen3": ("Qwen3Config", dict(head_dim=16)),
    "qwen3_moe": ("Qwen3MoeConfig", dict(head_dim=16, num_experts=6, num_experts_per_tok=2, moe_intermediate_size=40,
                                         norm_topk_prob=True, mlp_only_layers=[1])),
    "gemma": ("GemmaConfig", dict(head_dim=16)),
    "gemma2": ("Gemma2Config", dict(head_dim=16, query_pre_attn_scalar=20, sliding_window=6,
                                    attn_logit_softcapping=3.0, final_logit_softcapping=2.0)),
    "gemma3_text": ("Gemma3TextConfig", dict(head_dim=16, query_pre_attn_scalar=20, sliding_window=6,
                                             num_hidden_layers=7)),
    "phi3": ("Phi3Config", dict(sliding_window=9)),
    "phi3_longrope": ("Phi3Config", dict(
        max_position_embeddings=64, original_max_position_embeddings=16, rope_parameters=dict(
            rope_type="longrope", rope_theta=10000.0, original_max_position_embeddings=16,
            short_factor=[1.0, 1.1, 1.2, 1.3, 1.4, 1.5], long_factor=[2.0, 2.5, 3.0, 3.5, 4.0, 4.5]))),
    "olmo2": ("Olmo2Config", dict()),
    "granite": ("GraniteConfig", dict(embedding_multiplier=3.0, attention_multiplier=0.2, residual_multiplier=0.5,
                                      logits_scaling=4.0)),
    "smollm3": ("SmolLM3Config", dict(num_hidden_layers=4, no_rope_layers=[1, 1, 1, 0])),
}


def randomize(model, seed):
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in model.named_parameters():
        noise = torch.randn(parameter.shape, generator=generator)
        if parameter.ndim == 1:
            centre = 0.0 if name.endswith("bias") or "gemma" in type(model).__name__.lower() else 1.0
            value = centre + 0.2 * noise
        else:
            value = noise * (1.2 / parameter.shape[-1] ** 0.5)
        if "embed_tokens" in name:
            value = noise * 0.5
        parameter.data = value.to(torch.float16).to(torch.float32)


def main():
    for seed, (name, (config_class, extra)) in enumerate(CASES.items()):
        config = getattr(transformers, config_class)(**{**COMMON, **extra})
        config._attn_implementation = "eager"
        model = transformers.AutoModelForCausalLM.from_config(config, attn_implementation="eager").float().eval()
        randomize(model, seed)
        folder = os.path.join(root, name)
        os.makedirs(folder)
        config.save_pretrained(folder)
        tensors = {k: v.to(torch.float16).contiguous() for k, v in model.state_dict().items()}
        if config.tie_word_embeddings:
            tensors.pop("lm_head.weight", None)
        save_file(tensors, os.path.join(folder, "model.safetensors"), {"format": "pt"})
        with torch.no_grad():
            logits = model(torch.tensor([TOKENS])).logits[0].numpy()
        np.save(os.path.join(folder, "logits.npy"), logits.astype(np.float32))
        print(f"{name:18} logits std {logits.std():.2f}, {len(tensors)} tensors")
    with open(os.path.join(root, "tokens.json"), "w") as f:
        json.dump(TOKENS, f)


main()
