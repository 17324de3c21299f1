"""Writes tests/fixtures/smollm2.json: what transformers computes in float32 from the default model's GGUF file.

Run by hand: pip install torch transformers==5.23.0 gguf==0.19.0 numpy, then
  python smollm2_oracle.py FOLDER_WITH_THE_GGUF
For 10 prompts: 64 greedy tokens; and for one prompt the logits of every position at 64 fixed vocabulary entries.
"""
import json
import os
import sys

import numpy as np
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
PROMPTS = [
    "What is the capital of France?",
    "Write a haiku about the sea.",
    "List three uses of copper.",
    "Explain photosynthesis to a child.",
    "def fibonacci(n):",
    "Translate 'good morning' to Spanish.",
    "Who wrote Romeo and Juliet, and when?",
    "What is 17 plus 25?",
    "Give me a recipe for pancakes.",
    "Why is the sky blue?",
]

torch.set_num_threads(2)
folder = sys.argv[1]
tokenizer = AutoTokenizer.from_pretrained(folder, gguf_file=FILE)
model = AutoModelForCausalLM.from_pretrained(folder, gguf_file=FILE, dtype=torch.float32).eval()

answers = []
for prompt in PROMPTS:
    text = tokenizer.apply_chat_template([{"role": "user", "content": prompt}], tokenize=False,
                                         add_generation_prompt=True)
    ids = tokenizer(text, add_special_tokens=False, return_tensors="pt").input_ids
    with torch.no_grad():
        # Past the end token too: what is compared are 64 steps. Without a mask transformers would take the end tokens
        # of the prompt, which pad_token_id shares, for padding.
        out = model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=64, min_new_tokens=64, do_sample=False, eos_token_id=None,
                             pad_token_id=2)
    answers.append({"prompt": ids[0].tolist(), "answer": out[0, ids.shape[1]:].tolist()})

columns = np.random.default_rng(0).choice(49152, 64, replace=False).tolist()
probe = answers[3]["prompt"] + answers[3]["answer"][:40]
with torch.no_grad():
    logits = model(torch.tensor([probe])).logits[0].numpy()
fixture = {
    "answers": answers,
    "probe": probe,
    "columns": columns,
    "logits": [[round(float(v), 5) for v in row[columns]] for row in logits],
    "argmax": logits.argmax(axis=1).tolist(),
}
path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "fixtures", "smollm2.json")
with open(path, "w") as f:
    json.dump(fixture, f, separators=(",", ":"))
print(os.path.getsize(path), "bytes, logits std", logits.std())
