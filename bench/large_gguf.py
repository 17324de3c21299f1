#!/usr/bin/env python3
"""Writes a GGUF file of 4.2 GB: Llama-3-8B's shape in Q4_0 with random weights and the tokenizer of another file, which
its vocabulary is as large as. For timing the start (needs the packages gguf and numpy).

    bench/large_gguf.py SmolLM2-135M-Instruct.Q4_1.gguf large.gguf
"""

import argparse

import gguf
import numpy as np

HIDDEN, FEED_FORWARD, LAYERS, HEADS, KV_HEADS, HEAD_DIM = 4096, 14336, 32, 32, 8, 128


def copy_tokenizer(source, out):
    for name, field in source.fields.items():
        if not name.startswith("tokenizer."):
            continue
        if field.types[0] == gguf.GGUFValueType.ARRAY:
            out.add_array(name, field.contents())
        else:
            out.add_key_value(name, field.contents(), field.types[0])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tokenizer", help="the GGUF file with the tokenizer")
    parser.add_argument("out")
    options = parser.parse_args()
    source = gguf.GGUFReader(options.tokenizer)
    vocab = len(source.fields["tokenizer.ggml.tokens"].data)

    out = gguf.GGUFWriter(options.out, "llama")
    copy_tokenizer(source, out)
    out.add_vocab_size(vocab)
    out.add_context_length(8192)
    out.add_embedding_length(HIDDEN)
    out.add_block_count(LAYERS)
    out.add_feed_forward_length(FEED_FORWARD)
    out.add_head_count(HEADS)
    out.add_head_count_kv(KV_HEADS)
    out.add_layer_norm_rms_eps(1e-5)
    out.add_rope_freq_base(500000.0)
    out.add_rope_dimension_count(HEAD_DIM)

    blocks = np.random.default_rng(0).integers(0, 256, (1 << 22, 18), dtype=np.uint8)
    blocks[:, :2] = np.frombuffer(np.float16(0.002).tobytes(), np.uint8)

    def matrix(name, rows, cols):
        values = np.resize(blocks, (rows * cols // 32, 18)).reshape(rows, -1)
        out.add_tensor(name + ".weight", values, raw_dtype=gguf.GGMLQuantizationType.Q4_0)

    def vector(name):
        out.add_tensor(name + ".weight", np.ones(HIDDEN, np.float32))

    matrix("token_embd", vocab, HIDDEN)
    matrix("output", vocab, HIDDEN)
    vector("output_norm")
    for layer in range(LAYERS):
        block = f"blk.{layer}."
        vector(block + "attn_norm")
        vector(block + "ffn_norm")
        matrix(block + "attn_q", HEADS * HEAD_DIM, HIDDEN)
        matrix(block + "attn_k", KV_HEADS * HEAD_DIM, HIDDEN)
        matrix(block + "attn_v", KV_HEADS * HEAD_DIM, HIDDEN)
        matrix(block + "attn_output", HIDDEN, HEADS * HEAD_DIM)
        matrix(block + "ffn_gate", FEED_FORWARD, HIDDEN)
        matrix(block + "ffn_up", FEED_FORWARD, HIDDEN)
        matrix(block + "ffn_down", HIDDEN, FEED_FORWARD)
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()


if __name__ == "__main__":
    main()
