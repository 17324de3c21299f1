#!/usr/bin/env python3
"""Writes mica/text/unicode_tables.inc: the Unicode 16.0 data that mica/text/unicode.cpp and normalize.cpp look up.

Needs the pinned packages `unicodedata2==16.0.0` (categories, combining classes, decompositions),
`fonttools==4.56.0` (scripts) and `tokenizers==0.23.3` (the property Alphabetic). Case pairs come from Python itself (Unicode 14 or later) and, for letters that are
younger than that, from the character names, which pair them as CAPITAL and SMALL.

    python3 -m pip install unicodedata2==16.0.0 fonttools==4.56.0 tokenizers==0.23.3
    python3 scripts/make_unicode_tables.py > mica/text/unicode_tables.inc
"""
import unicodedata as python_data

import unicodedata2 as data
from fontTools.unicodedata import Scripts
from tokenizers import Regex, pre_tokenizers

assert data.unidata_version == "16.0.0"

CATEGORIES = ["Cn", "Cc", "Cf", "Co", "Cs", "Ll", "Lm", "Lo", "Lt", "Lu", "Mc", "Me", "Mn", "Nd", "Nl", "No",
              "Pc", "Pd", "Pe", "Pf", "Pi", "Po", "Ps", "Sc", "Sk", "Sm", "So", "Zl", "Zp", "Zs"]
POINTS = range(0x110000)


def ranges_of(value):
    """[(first, value)] of every run of equal values over all code points."""
    out = []
    for point in POINTS:
        v = value(point)
        if not out or out[-1][1] != v:
            out.append((point, v))
    return out


def emit(type_name, name, items, per_line=12):
    print(f"inline constexpr {type_name} {name}[] = {{")
    for i in range(0, len(items), per_line):
        print("    " + " ".join(f"{item}," for item in items[i:i + per_line]))
    print("};\n")


def younger(point):
    return python_data.category(chr(point)) == "Cn"


def by_name(point, old, new):
    name = data.name(chr(point), "")
    if old not in name:
        return point
    try:
        return ord(data.lookup(name.replace(old, new, 1)))
    except KeyError:
        return point


def simple(point, convert):
    text = convert(chr(point))
    return ord(text) if len(text) == 1 else point


def lower(point):
    if data.category(chr(point)) == "Lu" and younger(point):
        return by_name(point, "CAPITAL", "SMALL")
    return simple(point, str.lower)


LOWERS = {p: lower(p) for p in POINTS if lower(p) != p}
# Letters younger than Python's tables: the inverse of `lower`.
YOUNG_UPPERS = {low: up for up, low in LOWERS.items() if younger(up)}


def upper(point):
    return YOUNG_UPPERS.get(point) or simple(point, str.upper)


def fold(point):
    return LOWERS.get(point, point) if younger(point) else simple(point, str.casefold)


def case_runs(mapping):
    """Runs (first, last, step, target of first): equal distances over code points 1 or 2 apart."""
    runs = []
    for point in POINTS:
        target = mapping(point)
        if target == point:
            continue
        if runs:
            first, last, step, to = runs[-1]
            gap = point - last
            if target - point == to - first and (gap == step or (first == last and gap <= 2)):
                runs[-1] = (first, point, gap, to)
                continue
        runs.append((point, point, 1, target))
    return runs


def main():
    print("// Made by scripts/make_unicode_tables.py from Unicode 16.0.0. Do not edit.\n// clang-format off\n")
    categories = ranges_of(lambda p: data.category(chr(p)))
    emit("uint32_t", "category_runs", [f"0x{p << 8 | CATEGORIES.index(c):x}" for p, c in categories])

    pairs = list(zip(Scripts.RANGES, Scripts.VALUES))
    codes = sorted(set(Scripts.VALUES))
    runs = []
    for first, code in pairs:
        if not runs or runs[-1][1] != code:
            runs.append((first, code))
    emit("uint32_t", "script_runs", [f"0x{p << 8 | codes.index(c):x}" for p, c in runs])
    emit("std::string_view", "script_names", [f'"{Scripts.NAMES[c].lower().replace("_", "")}"' for c in codes], 6)
    emit("std::string_view", "script_codes", [f'"{c.lower()}"' for c in codes], 10)

    # Marks and symbols that are Alphabetic; letters and letter numbers all are.
    alphabetic = pre_tokenizers.Split(Regex("\\p{Alphabetic}"), "removed")
    others = ranges_of(lambda p: data.category(chr(p)) in ("Mc", "Me", "Mn", "So") and not alphabetic.pre_tokenize_str(chr(p)))
    ends = [p for p, _ in others[1:]] + [0x110000]
    emit("PointRange", "other_alphabetic", [f"{{0x{p:x}, 0x{e - 1:x}}}" for (p, v), e in zip(others, ends) if v], 6)

    for name, mapping in (("lower_runs", lower), ("upper_runs", upper), ("fold_runs", fold)):
        emit("CaseRun", name, [f"{{0x{a:x}, 0x{b:x}, {s}, 0x{t:x}}}" for a, b, s, t in case_runs(mapping)], 5)

    classes = ranges_of(lambda p: data.combining(chr(p)))
    emit("uint32_t", "combining_runs", [f"0x{p << 8 | c:x}" for p, c in classes])

    pool, canonical, compatible, pairs = [], [], [], []
    for point in POINTS:
        text = data.decomposition(chr(point))
        if not text:
            continue
        parts = text.split()
        is_compatible = parts[0].startswith("<")
        target = [int(p, 16) for p in (parts[1:] if is_compatible else parts)]
        (compatible if is_compatible else canonical).append((point, len(pool), len(target)))
        pool += target
        composed = data.normalize("NFC", "".join(map(chr, target)))
        if not is_compatible and len(target) == 2 and composed == chr(point):
            pairs.append((target[0], target[1], point))
    emit("uint32_t", "decomposition_pool", [f"0x{p:x}" for p in pool])
    for name, entries in (("canonical", canonical), ("compatible", compatible)):
        emit("Decomposition", name, [f"{{0x{p:x}, {o}, {n}}}" for p, o, n in entries], 7)
    emit("Composition", "compositions", [f"{{0x{a:x}, 0x{b:x}, 0x{c:x}}}" for a, b, c in sorted(pairs)], 6)
    print("// clang-format on")


if __name__ == "__main__":
    main()
