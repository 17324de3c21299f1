#!/usr/bin/env python3
"""Compares the public names of MLX's C++ headers with mica's and writes the table docs/inventory.md.

    scripts/inventory.py --mlx SITE_PACKAGES/mlx/include [--output docs/inventory.md] [--check] [--docs build/docs/xml]

Both headers go through the preprocessor, so that names made by macros count; only declarations in the libraries' own
namespaces are read. A function counts with the number of its overloads that a call can tell apart by position. With --docs (after
make docs), a name without documentation is missing too.
"""
import argparse
import collections
import pathlib
import re
import subprocess
import sys

from check_docs import undocumented

ROOT = pathlib.Path(__file__).resolve().parent.parent
HEADERS = ["ops.h", "random.h", "fft.h", "linalg.h", "fast.h", "einsum.h", "transforms.h", "compile.h", "utils.h", "io.h",
           "stream.h", "device.h", "memory.h", "dtype.h", "export.h", "distributed/distributed.h", "distributed/ops.h"]
NOT_FUNCTIONS = {"if", "for", "while", "switch", "return", "requires", "noexcept", "decltype", "sizeof", "defined", "alignas",
                 "static_assert", "operator", "__attribute__", "visibility"}


def preprocessed(header, include, inside):
    """The expanded text of those lines that come from files whose path holds `inside`."""
    command = ["g++", "-std=c++20", "-E", "-DMLX_STATIC", f"-I{include}", str(header)]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    kept, current = [], False
    for line in text.splitlines():
        marker = re.match(r'# \d+ "([^"]*)"', line)
        if marker:
            current = inside in marker.group(1)
        elif current:
            kept.append(line)
    return "\n".join(kept)


def declarations(text):
    """(namespace, name) of every function declared directly in a namespace, once for each overload."""
    return [(space, name) for space, name, _ in declared(text)]


def declared(text):
    """(namespace, name, declaration) of every function declared directly in a namespace."""
    text = re.sub(r'"(\\.|[^"\\])*"', '""', text)
    text = re.sub(r"__attribute__\s*\(\(.*?\)\)", "", text)
    found = []
    spaces, depth, parens, angle = [], 0, 0, 0
    statement = ""
    i = 0
    while i < len(text):
        c = text[i]
        if c in "{};" and statement.count("(") > statement.count(")"):
            statement += c  # of a default value
        elif c == "{":
            opened = re.search(r"(?:inline\s+)?namespace\s+([\w:]*)\s*$", statement)
            spaces.append(opened.group(1) if opened else None)
            if not opened and all(s is not None for s in spaces[:-1]):
                found += named(spaces[:-1], statement)
            statement = ""
        elif c == "}":
            if spaces:
                spaces.pop()
            statement = ""
        elif c == ";":
            if all(s is not None for s in spaces):
                found += named(spaces, statement)
            statement = ""
        elif all(s is not None for s in spaces):
            statement += c
        i += 1
    return found


def first_parenthesis(statement):
    """Where the parameters begin: the types in templates' brackets can have some of their own."""
    depth = 0
    for i, c in enumerate(statement):
        if c == "(" and (depth == 0 or "operator" in statement):
            return i
        depth += (c == "<") - (c == ">")
    return statement.index("(")


def named(spaces, statement):
    statement = whole = " ".join(statement.split())
    statement = re.sub(r"^(template\s*<[^()]*?>\s*(requires\s+[\w:<>, |&()]*?\s+(?=array|auto|bool|std))?)+", "", statement)
    if re.match(r"(using|typedef|struct|class|enum|namespace|static_assert|extern)\b", statement) or "(" not in statement:
        return []
    before = statement[:first_parenthesis(statement)]
    operator = re.search(r"(operator\s*[^\w\s(]+)\s*$", before)
    name = operator.group(1).replace(" ", "") if operator else (re.findall(r"([\w]+)\s*$", before) or [""])[-1]
    if not name or name in NOT_FUNCTIONS or (not operator and "=" in before):
        return []
    space = "::".join(s for s in spaces if s)
    return [(space, name, whole)]


def functions(text, root):
    """{"random::key": overloads}"""
    counts = collections.Counter()
    for space, name in declarations(text):
        if space == root or space.startswith(root + "::"):
            inner = space[len(root) + 2:]
            if inner in ("detail", "env") or name.startswith("MICA"):
                continue
            counts[f"{inner}::{name}" if inner else name] += 1
    return counts


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mlx", required=True, help="folder that holds mlx/mlx.h")
    parser.add_argument("--output", default=ROOT / "docs" / "inventory.md")
    parser.add_argument("--check", action="store_true", help="only print what is missing; exit status 1 if anything is")
    parser.add_argument("--docs", help="Doxygen's XML")
    args = parser.parse_args()
    silent = {name.removeprefix("mica::") for name, _ in undocumented(args.docs)} if args.docs else set()
    mica = functions(preprocessed(ROOT / "mica" / "mica.h", ROOT, str(ROOT / "mica")), "mica")
    rows, missing = [], []
    for header in HEADERS:
        path = pathlib.Path(args.mlx) / "mlx" / header
        text = preprocessed(path, args.mlx, "/mlx/" + header)
        for name, count in sorted(functions(text, "mlx::core").items()):
            have = mica.get(name, 0)
            rows.append(f"| `{name}` | {header} | {count} | {have} |")
            if have == 0:
                missing.append(f"{header}: {name}")
            elif name in silent:
                missing.append(f"{header}: {name} has no documentation")
            elif have < count and args.check:
                print(f"{header}: {name} has {have} of {count} overloads")
    if args.check:
        print("\n".join(missing))
        sys.exit(1 if missing else 0)
    if missing and args.docs:
        sys.exit("\n".join(missing))
    head = ("# MLX's public functions in mica\n\nMade by `scripts/inventory.py` from the headers of both. Overloads: how many declarations "
            f"a name has.\n\n{len(rows) - len(missing)} of {len(rows)} names.\n\n| name | MLX header | MLX overloads | mica "
            "overloads |\n| --- | --- | --- | --- |\n")
    pathlib.Path(args.output).write_text(head + "\n".join(rows) + "\n")


if __name__ == "__main__":
    main()
