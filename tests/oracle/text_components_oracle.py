#!/usr/bin/env python3
"""Writes tests/fixtures/text/components.json: normalizers, pre-tokenizers, expressions and small whole tokenizers of
Hugging Face tokenizers 0.23.3 on the texts in text_corpus.py.

    python3 tests/oracle/text_components_oracle.py

Results are FNV-1a 64 hashes of UTF-8: of a normalized text, or of pieces that each end with U+001F.
"""
import json
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from text_corpus import CASES, PLAIN, SPECIAL, text_of

OUT = Path(__file__).resolve().parents[1] / "fixtures" / "text" / "components.json"
TEXTS = [text_of(c) for c in CASES]

O200K = ("[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"
         "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"
         "\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+")
CL100K = ("'(?i:[sdmt]|ll|ve|re)|[^\\r\\n\\p{L}\\p{N}]?+\\p{L}++|\\p{N}{1,3}+| ?[^\\s\\p{L}\\p{N}]++[\\r\\n]*+|\\s++$|"
          "\\s*[\\r\\n]|\\s+(?!\\S)|\\s")
TEKKEN = O200K.replace("(?i:'s|'t|'re|'ve|'m|'ll|'d)?", "").replace("{1,3}", "")
KIMI = ("[\\p{Han}]+|[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}&&[^\\p{Han}]]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}&&[^\\p{Han}]]+"
        "(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+")

# (expression, texts); the pieces of an isolating split are the expectation.
EXPRESSIONS = [
    ("^a", "b\naa"), ("a$", "a\naa"), (".", "a\nb"), ("(?m).", "a\nb"), ("\\d{1,3}+", "1234567"), ("\\d{1,2}?", "1234567"),
    ("a?+", "aab"), ("(?i:'s)", "'\u017f'S"), ("(?i)k", "kK\u212a"), ("(?i)[a-c]+", "AbCd"), ("(?i)\u01c6", "\u01c5\u01c4"),
    ("\\w+", "a\u200db_c\u2460\u24b6\u00bd\u00b2\u0663"), ("\\W+", "a\u200db \u00bd!"), ("[\\w]+", "a\u00bd\u00b2_"), ("\\h+", "abfgh"),
    ("\\d+", "1\u0663\u00b2"), ("[[:punct:]]+", "a!$+<b~`"), ("[[:alpha:]]+", "a\u00e91"), ("[[:^alpha:]]+", "a\u00e91 2"),
    ("[a-z&&[^aeiou]]+", "hello"), ("[\\w&&[^\\d]]+", "ab1"), ("(?=\\d)", "ab12c"), ("x*", "axxb"), ("\\p{^L}+", "ab12"),
    ("\\P{L}+", "ab12"), ("\\bfoo\\b", "a foo b food"), ("\\B", "ab c"), ("(?<!a)b", "abcb"), ("(?<=a|bc)d", "adbcdd"),
    ("(?<!a|bc)d", "adbcddd"), ("\\x{4e00}+", "a\u4e00"), ("[\\u4e00-\\u9fff]+", "a\u4e00"), ("\\R", "a\r\nb\n"), ("a{,2}", "aaaab"),
    ("a{2", "a{2"), ("a\\z", "aa"), ("a\\Z", "aa\n"), ("\\Aa", "aa"), ("\\p{Uppercase_Letter}", "aB"), ("[^\\S\\n]+", " \t\n a"), ("[]a]", "a]b"),
    ("\\s", "\x85\u200b\ufeff\u180e\x1c\xa0"), ("a{2}{3}", "aaaaaaaa"), ("a++b", "aab"), ("a*+a", "aa"), ("(?>a+)a", "aa"), ("a**", "aaa"),
    ("[^(\\s|[.,!?])]+", "a(b |.c"), ("a{0}b", "ab"), ("(a|ab)(c|bcd)(d*)", "abcd"), ("(?:a|ab)c", "abcac"), ("(a+|b+)*c", "aabbcab"),
    ("(?:)*a", "aa"), ("(a*)*b", "aab"), ("(a?)+?b", "aab"), ("a+?", "aaa"), ("a{2,3}?", "aaaaa"), ("(?:ab){2,}", "ababab"), ("[a\\-z]+", "a-z b"),
    ("[-a]+", "a-b"), ("[a-]+", "a-b"), ("\\\\", "a\\b"), ("[\\[\\]]+", "a[]b"), ("(?=(\\d{3})+(?!\\d))", "1234567 12"), ("(?x) a b # c", "ab"),
    ("(?i:straSSe)", "Strasse"), ("a|", "ba"), ("\\p{Han}+", "\u6f22\u5b57\u304b\u306a"), ("(?<name>a)b", "ab"),
    ("(?i)a(?-i)b", "AbAB"), ("\\n|\\t", "a\nb\t"), ("[^a]", "ab\n"), ("(?!a).", "ab"), ("(?:(?!ab).)+", "xxabyy"), ("\\p{So}", "\u2603a"),
    ("a(?i)b|c", "aBC"), ("(^|\\n)a", "a\na"), (O200K, "HelloWorld's HELLO 1234 ~/x\n\n  a"), (CL100K, "I'LL don't  x 12345 \n\n y  "), (TEKKEN, "HelloWORLD x1234/\n"),
]

SPLITS = {"gpt2": "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+", "o200k": O200K, "cl100k": CL100K,
          "tekken": TEKKEN, "kimi": KIMI, "bloom": " ?[^(\\s|[.,!?\u2026\u3002\uff0c\u3001\u0964\u06d4\u060c])]+", "superbpe": "\\p{N}+|(?=(\\d{3})+(?!\\d))"}
BEHAVIORS = ["removed", "isolated", "merged_with_previous", "merged_with_next", "contiguous"]


def pre_tokenizer_list():
    yield from (pre_tokenizers.Split(Regex(p), "isolated") for p in SPLITS.values())
    yield from (pre_tokenizers.Split(Regex("\\d+|[aeiou]"), b, invert=i) for b in BEHAVIORS for i in (False, True))
    yield from (pre_tokenizers.Split("a", b) for b in BEHAVIORS)
    yield from (pre_tokenizers.Metaspace(prepend_scheme=s, split=x) for s in ("always", "first", "never") for x in (False, True))
    yield from (pre_tokenizers.ByteLevel(add_prefix_space=a, use_regex=r) for a in (False, True) for r in (False, True))
    yield from (pre_tokenizers.Digits(individual_digits=i) for i in (False, True))
    yield from (pre_tokenizers.Whitespace(), pre_tokenizers.WhitespaceSplit(), pre_tokenizers.CharDelimiterSplit("o"))
    yield pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()])
    yield pre_tokenizers.Sequence([pre_tokenizers.ByteLevel(add_prefix_space=True), pre_tokenizers.Digits(True)])


def normalizer_list():
    yield from (normalizers.NFC(), normalizers.NFD(), normalizers.NFKC(), normalizers.NFKD(), normalizers.Strip(), normalizers.Nmt())
    yield from (normalizers.Strip(left=False), normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581"), normalizers.ByteLevel())
    yield from (normalizers.Replace(Regex(" {2,}|\\d"), "_"), normalizers.BertNormalizer(), normalizers.BertNormalizer(lowercase=False))
    yield normalizers.Sequence([normalizers.NFKD(), normalizers.StripAccents(), normalizers.Lowercase()])


def fnv(text):
    value = 0xcbf29ce484222325
    for byte in text.encode():
        value = (value ^ byte) * 0x100000001b3 % 2**64
    return f"{value:x}"


def pieces(pre_tokenizer, text):
    return [p for p, _ in pre_tokenizer.pre_tokenize_str(text)]


def spec_of(part, slot):
    tokenizer = Tokenizer(models.BPE())
    setattr(tokenizer, slot, part)
    return json.loads(tokenizer.to_str())[slot]


def bpe(alphabet, size, **options):
    tokenizer = Tokenizer(models.BPE(**options))
    trainer = trainers.BpeTrainer(vocab_size=size, initial_alphabet=alphabet, show_progress=False,
                                  special_tokens=["<s>", "</s>", "<unk>"] + [f"<0x{b:02X}>" for b in range(256) if options.get("byte_fallback")])
    return tokenizer, trainer


def metaspace_bpe():
    tokenizer, trainer = bpe([], 500, unk_token="<unk>", byte_fallback=True, fuse_unk=True)
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first")
    tokenizer.train_from_iterator(PLAIN[:40], trainer)
    tokenizer.decoder = decoders.Sequence([decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 1)])
    return tokenizer


def byte_bpe_with_odd_tokens():
    tokenizer, trainer = bpe(pre_tokenizers.ByteLevel.alphabet(), 400)
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.train_from_iterator(PLAIN[:40], trainer)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_tokens([AddedToken("world", single_word=True), AddedToken("HOW", normalized=True), AddedToken("fox", normalized=False, lstrip=True),
                          AddedToken("[INST]", rstrip=True, normalized=False), AddedToken("  ", normalized=False), AddedToken("\u00e9", normalized=False)])
    tokenizer.add_special_tokens([AddedToken("<|im_end|>", lstrip=True, rstrip=True)])
    return tokenizer


def plain_bpe(fuse):
    tokenizer, trainer = bpe([], 300, unk_token="<unk>", fuse_unk=fuse)
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.train_from_iterator(PLAIN[20:30], trainer)
    return tokenizer


def unigram():
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.UnigramTrainer(vocab_size=200, special_tokens=["<unk>"], unk_token="<unk>", show_progress=False)
    tokenizer.train_from_iterator(PLAIN[:50] * 3, trainer)
    tokenizer.decoder = decoders.Metaspace()
    return tokenizer


def wordpiece():
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]", max_input_chars_per_word=20))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(vocab_size=300, special_tokens=["[UNK]", "[CLS]", "[SEP]"], show_progress=False)
    tokenizer.train_from_iterator(PLAIN[:50], trainer)
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 2), ("[CLS]", 1))
    return tokenizer


def whole(tokenizer):
    # Trained vocabularies come in no fixed order; the file is the fixture.
    tokenizer = Tokenizer.from_str(tokenizer.to_str())
    cases = []
    for text in PLAIN[:70] + SPECIAL:
        ids = tokenizer.encode(text).ids
        cases.append([text, ids if len(ids) < 40 else fnv(" ".join(map(str, ids))), fnv(tokenizer.decode(ids, skip_special_tokens=False))])
    return {"json": tokenizer.to_str(), "cases": cases}


def main():
    expressions = []
    for pattern, text in EXPRESSIONS:
        try:
            expressions.append([pattern, text, pieces(pre_tokenizers.Split(Regex(pattern), "isolated"), text)])
        except Exception:
            expressions.append([pattern, text, None])
    marks = {"\\w": 0, "\\s": 0, "\\d": 0, "[\\w]": 0, "[[:punct:]]": 0, "[[:alpha:]]": 0, "\\p{Han}": 0, "\\p{Hiragana}": 0, "\\p{L}": 0, "\\p{Mn}": 0}
    for pattern in marks:
        split = pre_tokenizers.Split(Regex(pattern), "removed")
        points = (p for p in range(0x110000) if not 0xd800 <= p < 0xe000)
        marks[pattern] = fnv("".join("1" if not split.pre_tokenize_str(chr(p)) else "0" for p in points))
    value = {
        "expressions": expressions,
        "classes": marks,
        "pre_tokenizers": [[spec_of(p, "pre_tokenizer"), [fnv("".join(x + "\x1f" for x in pieces(p, t))) for t in TEXTS]] for p in pre_tokenizer_list()],
        "normalizers": [[spec_of(n, "normalizer"), [fnv(n.normalize_str(t)) for t in TEXTS]] for n in normalizer_list()],
        "tokenizers": [whole(t) for t in (metaspace_bpe(), byte_bpe_with_odd_tokens(), plain_bpe(False), plain_bpe(True), unigram(), wordpiece())],
    }
    OUT.write_text(json.dumps(value, ensure_ascii=True, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
