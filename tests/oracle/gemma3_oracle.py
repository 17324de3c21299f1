"""Writes tests/fixtures/gemma3.json: logits of Gemma-3-270M for a prompt longer than its sliding window of 512 tokens.

Run by hand: pip install torch transformers==5.23.0 gguf==0.19.0 numpy, then
  python gemma3_oracle.py FOLDER_WITH_gemma-3-270m-q4_k_m.gguf
The file says neither which layers have a window nor their RoPE base (5 of 6, base 10000): transformers fills in its
defaults, which are the model's.
"""
import json
import os
import sys

import numpy as np
import torch
from transformers import AutoModelForCausalLM

torch.set_num_threads(2)
model = AutoModelForCausalLM.from_pretrained(sys.argv[1], gguf_file="gemma-3-270m-q4_k_m.gguf", dtype=torch.float32,
                                             attn_implementation="eager").eval()
config = model.config
print(config.layer_types, config.sliding_window, getattr(config, "rope_parameters", None), config.query_pre_attn_scalar)
rng = np.random.default_rng(1)
# Words over and over with changes: text-like enough that attention looks far back.
tokens = [2]
phrase = rng.integers(500, 20000, 40).tolist()
while len(tokens) < 640:
    phrase[rng.integers(0, 40)] = int(rng.integers(500, 20000))
    tokens += phrase
tokens = tokens[:640]
with torch.no_grad():
    logits = model(torch.tensor([tokens])).logits[0].numpy()
rows = [0, 1, 100, 400, 511, 512, 513, 530, 600, 639]
columns = rng.choice(logits.shape[1], 48, replace=False).tolist()
path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "fixtures", "gemma3.json")
with open(path, "w") as f:
    json.dump({"tokens": [int(t) for t in tokens], "rows": rows, "columns": columns,
               "logits": [[round(float(logits[r, c]), 5) for c in columns] for r in rows],
               "argmax": [int(logits[r].argmax()) for r in rows]}, f, separators=(",", ":"))
print("std", logits.std(), os.path.getsize(path), "bytes")
