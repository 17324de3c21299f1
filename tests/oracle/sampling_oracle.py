"""Writes tests/fixtures/sampling.json: mlx-lm's distributions for combinations of filters and penalties.

Run by hand: pip install mlx==0.32.4 mlx-cpu==0.32.4 mlx-lm==0.32.2 numpy, then python sampling_oracle.py
"""
import json
import os

import mlx.core as mx
import numpy as np
from mlx_lm import sample_utils as su

rng = np.random.default_rng(3)
logits = [round(float(v), 4) for v in rng.normal(0, 2.0, 24)]
history = [3, 5, 5, 7, 20, 20, 20, 1]

FILTERS = [
    dict(temperature=1.0), dict(temperature=0.5), dict(temperature=1.0, top_p=0.7),
    dict(temperature=0.8, top_p=0.9), dict(temperature=1.0, top_k=3), dict(temperature=1.3, min_p=0.2),
    dict(temperature=1.0, min_p=0.9, min_tokens_to_keep=4), dict(temperature=1.0, top_p=0.8, min_p=0.1, top_k=4),
    dict(temperature=1.0, xtc_probability=1.0, xtc_threshold=0.1),
    dict(temperature=1.0, xtc_probability=1.0, xtc_threshold=0.05, top_p=0.9),
]
PENALTIES = [
    dict(repetition_penalty=1.5), dict(repetition_penalty=1.5, repetition_context_size=3),
    dict(presence_penalty=0.8), dict(frequency_penalty=0.6), dict(frequency_penalty=0.6, frequency_context_size=4),
    dict(logit_bias={"3": 2.5, "9": -1.0}),
    dict(logit_bias={"3": 2.5}, repetition_penalty=1.3, presence_penalty=0.3, frequency_penalty=0.2),
]

cases = []
for options in FILTERS:
    lp = mx.array([logits])
    lp = lp - mx.logsumexp(lp, keepdims=True)
    if 0 < options.get("top_p", 0) < 1:
        lp = su.apply_top_p(lp, options["top_p"])
    if options.get("min_p"):
        lp = su.apply_min_p(lp, options["min_p"], options.get("min_tokens_to_keep", 1))
    if options.get("xtc_probability"):
        lp = su.apply_xtc(lp, options["xtc_probability"], options["xtc_threshold"], [])
    if options.get("top_k"):
        lp = su.apply_top_k(lp, options["top_k"])
    p = mx.softmax(lp / options["temperature"], axis=-1)[0]
    cases.append(dict(options=options, probabilities=[round(float(v), 6) for v in p.tolist()]))

penalties = []
for options in PENALTIES:
    arguments = dict(options)
    if "logit_bias" in arguments:
        arguments["logit_bias"] = {int(k): v for k, v in arguments["logit_bias"].items()}
    out = mx.array([logits])
    for processor in su.make_logits_processors(**arguments):
        out = processor(mx.array(history), out)
    lp = out - mx.logsumexp(out, keepdims=True)
    best = int(mx.argmax(out).item())
    penalties.append(dict(options=options, best=best, logprob=round(float(lp[0, best].item()), 5)))

path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "fixtures", "sampling.json")
with open(path, "w") as f:
    json.dump(dict(logits=logits, history=history, filters=cases, penalties=penalties), f, indent=1)
print(len(cases), len(penalties))
