"""Writes tests/fixtures/mlx/<case>/: small model folders that mlx-lm itself quantized, and mlx-lm's logits in float32.

Run by hand: pip install mlx==0.32.4 mlx-cpu==0.32.4 mlx-lm==0.32.2 safetensors numpy, then
  python mlx_folders_oracle.py
"""
import json
import os
import shutil
import tempfile

import mlx.core as mx
import numpy as np
from mlx_lm import load, utils
from mlx_lm.models import llama, qwen3_moe

root = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "fixtures", "mlx")
shutil.rmtree(root, ignore_errors=True)
TOKENS = [1, 5, 9, 33, 96, 4, 4, 17, 60, 2, 71, 8, 23, 55, 42, 90]

LLAMA = dict(model_type="llama", vocab_size=128, hidden_size=128, intermediate_size=128, num_hidden_layers=2,
             num_attention_heads=4, num_key_value_heads=2, rms_norm_eps=1e-5, rope_theta=10000.0,
             max_position_embeddings=256, tie_word_embeddings=True)
MOE = dict(model_type="qwen3_moe", vocab_size=128, hidden_size=64, intermediate_size=64, num_hidden_layers=1,
           num_attention_heads=4, num_key_value_heads=2, head_dim=16, rms_norm_eps=1e-5, rope_theta=10000.0,
           max_position_embeddings=256, tie_word_embeddings=False, num_experts=4, num_experts_per_tok=2,
           moe_intermediate_size=64, norm_topk_prob=True, decoder_sparse_step=1, mlp_only_layers=[])


def mixed(path, module):
    """A recipe of its own for some layers, none for others: per-layer entries in config.json."""
    if "v_proj" in path or "down_proj" in path:
        return {"bits": 6, "group_size": 32}
    return "o_proj" not in path


CASES = {f"affine_{bits}_{group}": (LLAMA, dict(group_size=group, bits=bits))
         for bits, group in ((2, 32), (3, 64), (4, 64), (5, 32), (6, 64), (8, 128))}
CASES["mxfp4"] = (LLAMA, dict(group_size=32, bits=4, mode="mxfp4"))
CASES["mxfp8"] = (LLAMA, dict(group_size=32, bits=8, mode="mxfp8"))
CASES["nvfp4"] = (LLAMA, dict(group_size=16, bits=4, mode="nvfp4"))
CASES["mixed"] = (LLAMA, dict(group_size=64, bits=4, quant_predicate=mixed))
CASES["moe_4_32"] = (MOE, dict(group_size=32, bits=4))

for seed, (name, (config, how)) in enumerate(CASES.items()):
    mx.random.seed(seed)
    module = llama if config["model_type"] == "llama" else qwen3_moe
    model = module.Model(module.ModelArgs.from_dict(config))
    weights = [(k, (1 + 0.2 * mx.random.normal(v.shape) if v.ndim == 1 else
                    mx.random.normal(v.shape) * (1.2 / v.shape[-1] ** 0.5)).astype(mx.bfloat16))
               for k, v in utils.tree_flatten(model.parameters())]
    model.load_weights(weights)
    model, new_config = utils.quantize_model(model, dict(config), **how)
    folder = os.path.join(root, name)
    os.makedirs(folder)
    utils.save_model(folder, model)
    utils.save_config(new_config, os.path.join(folder, "config.json"))
    with tempfile.TemporaryDirectory() as _:
        loaded, _ = utils.load_model(__import__("pathlib").Path(folder))
    loaded.set_dtype(mx.float32)
    logits = loaded(mx.array([TOKENS]))[0].astype(mx.float32)
    np.save(os.path.join(folder, "logits.npy"), np.array(logits))
    print(f"{name:14} std {np.array(logits).std():.2f}")
with open(os.path.join(root, "tokens.json"), "w") as f:
    json.dump(TOKENS, f)
