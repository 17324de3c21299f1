"""The texts that the tokenizer fixtures are made from: every corner of Unicode that splits tokenizers apart."""

FAMILY = "\U0001F468\u200d\U0001F469\u200d\U0001F467\u200d\U0001F466"

PLAIN = [
    "", " ", "  ", "   ", "\n", "\n\n", "\n\n\n", "\t", "\t\t", " \n ", "\r\n", "\r\n\r\n", "\r", "a", " a", "a ", " a ",
    "Hello", "Hello world", " Hello  world ", "Hello, world! How are you today?", "HELLO WORLD", "hElLo WoRlD",
    "The quick brown fox jumps over the lazy dog.", "camelCaseAndPascalCase snake_case kebab-case",
    "I'm you're he'll they've we'd it's can't 'tis 'S 'LL 'vE ''s", "don\u2019t I\u2019m", "'\u017f 'K \u212a",
    "0 1 12 123 1234 12345 123456 1234567 12345678901234567890", "3.14159 -2,718e-10 1/2 50% $9.99 #1",
    "1a2b3c a1b2c3 v2.0.1-beta", "\u0661\u0662\u0663\u0664 \u0967\u0968\u0969 \u2460\u2461 \u00bd\u00be\u00b2\u00b3 \u216b \uff11\uff12\uff13",
    "!@#$%^&*()_+-=[]{}|;':\",./<>?`~", "...!!!???---===+++", "a.b,c;d:e!f?g", "(a)[b]{c}<d>", "-- - --- \u2014 \u2013 \u2026",
    "==>  <-- ->> :: ?? && || // /* */ <!-- -->", "http://www.example.org/a/b?c=d&e=f#g me@example.com",
    "def f(x):\n    if x > 0:\n\t\treturn x ** 2  # square\n    return -x\n",
    "for (int i = 0; i < n; ++i) {\r\n  sum += a[i];\r\n}\r\n", "#include <vector>\n\nint main() { return 0; }\n",
    "SELECT * FROM t WHERE a='b' AND c>=1;", '{"key": [1, 2.5, null, true], "nested": {"a": "b\\n"}}',
    "<html><body class=\"x\">&amp;</body></html>", "| a | b |\n|---|---|\n| 1 | 2 |\n", "# Title\n\n- item\n  - sub\n\n```py\nx=1\n```\n",
    "a\nb", "a\n b", "a \nb", "a\n\nb", "a\n\n\n b", "a  b", "a   b", "a    b", "a \t b", "a\u00a0b", "a\u3000b", "a\u2003b\u2009c\u200ad",
    "   leading", "trailing   ", "trailing\n", "trailing \n ", "\n leading", "x" + " " * 33 + "y", "x" + "\n" * 17 + "y", "x" + "\t" * 9 + "y",
    " \u00a0\u2028\u2029\u0085\u000b\u000c ", "a\u200bb\u200cc\u200dd\ufeffe\u2060f\u00adg", "\ufeffbom",
    "caf\u00e9 cafe\u0301 na\u00efve nai\u0308ve \u00c5 A\u030a \u212b", "e\u0301\u0323 e\u0323\u0301 \u1e69 s\u0323\u0307 s\u0307\u0323",
    "a\u0300\u0301\u0302\u0303\u0304\u0305\u0306\u0307\u0308\u0309\u030a", "\u0301lone mark", "q\u0307\u0323 \u0958 \u0915\u093c",
    "\ufb01 \ufb03 \u2122 \u33a1 \u210c \u00aa \u00ba \u2075 \u3300 \uff21\uff22\uff43 \uff76\uff9e", "\u01c4 \u01c5 \u01c6 \u1f88 \u0130 \u0131 \u1e9e \u00df",
    "Stra\u00dfe STRASSE \u03a3\u03af\u03c3\u03c5\u03c6\u03bf\u03c2 \u0391\u0398\u0397\u039d\u0391", "\u041f\u0440\u0438\u0432\u0435\u0442, \u043c\u0438\u0440! \u0401\u0436\u0438\u043a \u0419\u043e\u0434",
    "\u0627\u0644\u0633\u0644\u0627\u0645 \u0639\u0644\u064a\u0643\u0645 \u064f\u0650\u0651 \u0640\u0640", "\u05e9\u05b8\u05dc\u05d5\u05b9\u05dd \u05e2\u05d5\u05dc\u05dd", "\u202eabc\u202c \u2066def\u2069 \u200f\u200e",
    "\u4f60\u597d\u4e16\u754c\uff0c\u4eca\u5929\u5929\u6c14\u4e0d\u9519\u3002", "\u65e5\u672c\u8a9e\u306e\u30c6\u30ad\u30b9\u30c8\u3001\u3072\u3089\u304c\u306a\u3068\u30ab\u30bf\u30ab\u30ca\u3002", "\u4e2d\u6587English\u6df7\u5408123\u6570\u5b57",
    "\ud55c\uad6d\uc5b4 \ud14d\uc2a4\ud2b8", "\u1112\u1161\u11ab\u1100\u116e\u11a8 \u1100\u1161", "\u1112\u1161\u11ab", "\u3131\u314f", "\u4dae\u9fa5\u9fff\u3400 \U00020000\U0002a6df \uf900 \U0002f800",
    "\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35\u0e0a\u0e32\u0e27\u0e42\u0e25\u0e01", "\u0928\u092e\u0938\u094d\u0924\u0947 \u0926\u0941\u0928\u093f\u092f\u093e", "\u0ba4\u0bae\u0bbf\u0bb4\u0bcd \u0b95\u0bcd\u0bb7", "\u1019\u103c\u1014\u103a\u1019\u102c", "\u1781\u17d2\u1798\u17c2\u179a",
    "\u10e5\u10d0\u10e0\u10d7\u10e3\u10da\u10d8 \u1c90\u1c91", "\u0540\u0561\u0575\u0565\u0580\u0565\u0576", "\u12a0\u121b\u122d\u129b", "\u13e3\u13b3\u13a9 \uab70", "\u1200\u1361",
    "\U00010400\U00010428 \U0001d400\U0001d7d8 \U00010d50\U00010d70 \U0001e900", "\u1c89\u1c8a \ua7cb \ua7dc\u019b \U00016d40", "\U0001F600 \U0001F602\U0001F923 \u2764\ufe0f",
    FAMILY, FAMILY + FAMILY + " ok", "\U0001F1E9\U0001F1EA\U0001F1EB\U0001F1F7 \U0001F44D\U0001F3FD \U0001F3F4\U000E0067\U000E0062\U000E007F", "1\ufe0f\u20e3 #\ufe0f\u20e3 \u263a\ufe0e",
    "\u2200x\u2208\u211d: \u2203y, x\u00b2+y\u00b2\u2264\u03c0 \u222b\u2211\u221a\u221e", "\u20ac\u00a3\u00a5\u20bf \u00a9\u00ae\u2122 \u00b0 \u00b1 \u00d7 \u00f7", "\u2500\u2502\u250c\u2588\u2591 \u25a0\u25cf \u2190\u2191\u2192",
    "\u00ab\u00bb \u201c\u201d \u2018\u2019 \u3010\u3011 \u300c\u300d \u060c\u061f\u06d4 \u0964", "\x00\x01\x02\x1b[31m\x7f\x80\x9f", "a\x00b", "\x1c\x1d\x1e\x1f",
    "\ue000\uf8ff \U000f0000 \ufdd0 \uffff \U0010ffff \u0378", "\ufffd\ufffd", "\u2581 \u2581\u2581a \u2581b", "\u0120\u010a \u00c4\u00a0 \u0100\u0143\u0144", "<0x0A> <0xE2>\u0020<0x00>",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "abcdefghijklmnopqrstuvwxyz" * 12, "AbC" * 60, "\u4e00\u4e8c\u4e09" * 40, "ha" * 150, "\U0001F600" * 30, "0123456789" * 12, "=" * 100, "-" * 37 + "\n" + "*" * 41,
    "word " * 60, "\n ".join("abc"), "Zalgo: " + "".join(c + "\u0300\u0489\u0315" for c in "text"),
]

# Written-out control tokens of many families: found, and with them switched off plain text.
SPECIAL = [
    "<|endoftext|>", "a<|endoftext|>b", "<|im_start|>user\nHi there<|im_end|>\n<|im_start|>assistant\n", " <|im_end|> ", "<s>[INST] Hi [/INST] Ho</s>",
    "<s>", "</s>", " <s> a </s> ", "<unk> a<unk>b", "<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|>", "<|user|>\nHi<|end|>\n<|assistant|>\n",
    "<\uff5cbegin\u2581of\u2581sentence\uff5c><\uff5cUser\uff5c>Hi<\uff5cAssistant\uff5c>", "<bos><start_of_turn>user\nHi<end_of_turn>\n<eos>", "<|START_OF_TURN_TOKEN|><|USER_TOKEN|>Hi<|END_OF_TURN_TOKEN|>",
    "[CLS] Hi [SEP] there [MASK] [PAD]", "<mask> a <mask>b", "<fim_prefix>a<fim_suffix>b<fim_middle>", "<tool_call>{}</tool_call><think>x</think>", ">>QUESTION<< a >>ANSWER<<",
    "<|im_start|<|im_end|>", "<|end", "<<s>>", "<reserved_106>Hi<reserved_107>", "<table><tr></table>\n\n\n", "<|file_separator|><jupyter_code> x", "<|placeholder1|>  x",
]

# Ill-formed UTF-8, as hexadecimal; the reference sees it decoded with errors="replace".
INVALID = ["61ff62", "c3", "61e282", "e28261", "f09f98", "f09f9861", "c0af", "eda080", "f4908080", "ff", "8080", "e4bda0e5a5", "f0808080", "ee80ffbd"]

CASES = ([{"text": t} for t in PLAIN] + [{"text": t, "special": True} for t in SPECIAL] + [{"hex": h} for h in INVALID])


def text_of(case):
    return case["text"] if "text" in case else bytes.fromhex(case["hex"]).decode("utf-8", errors="replace")
