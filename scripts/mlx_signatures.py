#!/usr/bin/env python3
"""Writes a C++ source that calls every function of MLX's public headers, with its types of arguments, of mica.

    scripts/mlx_signatures.py --mlx SITE_PACKAGES/mlx/include [--output tests/names/mlx_signatures_test.cpp]

Each is called with all arguments and with those that have no default. Templates and operators are used by tests/names/mlx_program_test.cpp instead.
"""
import argparse
import collections
import pathlib
import re

from inventory import HEADERS, ROOT, declared, first_parenthesis, preprocessed

# Takes a template argument of the caller's or is only declared for Python's sake.
SKIPPED = {"is_main_thread"}
# What is ambiguous in MLX itself without its other arguments.
WHOLE = {"conv_general"}
WORDS = {"const", "unsigned", "signed", "int", "bool", "float", "double", "size_t", "char", "void", "long", "short", "auto",
         "uint32_t", "uint64_t", "int64_t"}


def split_top(text):
    """The parts between commas that are in no brackets."""
    parts, depth, current = [], 0, ""
    for c in text:
        depth += c in "(<{["
        depth -= c in ")>}]"
        if c == "," and depth == 0:
            parts.append(current)
            current = ""
        else:
            current += c
    return [p.strip() for p in parts + [current] if p.strip()]


def without_default(parameter):
    depth = 0
    for i, c in enumerate(parameter):
        depth += c in "(<{["
        depth -= c in ")>}]"
        if c == "=" and depth == 0:
            return parameter[:i].strip()
    return parameter


def type_of(parameter):
    parameter = without_default(parameter)
    named = re.match(r"(.*[\s&*>])(\w+)$", parameter)
    if named and named.group(2) not in WORDS | {"StreamOrDevice"} and re.sub(r"\bconst\b", "", named.group(1)).strip():
        return named.group(1).strip()
    return parameter


def parameter(text, i):
    """The parameter under the name a<i>."""
    text = without_default(text)
    pointer = re.search(r"\(\*\s*\w*\)", text)
    return text.replace(pointer.group(0), f"(*a{i})") if pointer else f"{type_of(text)} a{i}"


def calls(statement, name, qualified):
    """Lambdas that call the function with all its arguments, and with those that have no default; none for what is no plain
    function."""
    if statement.startswith("template") or "operator" in statement:
        return []
    at = [m for m in re.finditer(r"\b" + name + r"\s*\(", statement) if m.end() - 1 == first_parenthesis(statement)][0]
    result = re.sub(r"\b(inline|constexpr|static|extern|MLX_API)\b", "", statement[:at.start()]).strip()
    depth = 0
    for end in range(at.end() - 1, len(statement)):
        depth += statement[end] == "("
        depth -= statement[end] == ")"
        if depth == 0:
            break
    parameters = split_top(statement[at.end():end])
    needed = sum(without_default(p) == p for p in parameters)
    found = []
    for count in sorted({len(parameters) if name in WHOLE else needed, len(parameters)}, reverse=True):
        taken = ", ".join(parameter(p, i) for i, p in enumerate(parameters[:count]))
        given = ", ".join(f"a{i}" for i in range(count))
        # A const reference of MLX's may be a value of mica's: callers see no difference.
        result = re.sub(r"^const (.*)&$", r"\1", result)
        found.append(f"  use([]({taken}) -> {result} {{ return {qualified}({given}); }});")
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mlx", required=True, help="folder that holds mlx/mlx.h")
    parser.add_argument("--output", default=ROOT / "tests" / "names" / "mlx_signatures_test.cpp")
    args = parser.parse_args()
    spaces = collections.defaultdict(dict)
    for header in HEADERS:
        text = preprocessed(pathlib.Path(args.mlx) / "mlx" / header, args.mlx, "/mlx/" + header)
        for space, name, statement in declared(text):
            inner = space[len("mlx::core"):].lstrip(":")
            if not space.startswith("mlx::core") or inner in ("detail", "env") or name in SKIPPED:
                continue
            for call in calls(statement, name, "::".join(filter(None, ["mlx::core", inner, name]))):
                spaces[inner].setdefault(call, None)
    lines = ["// Every function of MLX's public headers, with the types of its arguments. Made by scripts/mlx_signatures.py.",
             "// clang-format off",
             "// NOLINTBEGIN(performance-unnecessary-value-param): arguments have the types of MLX's", "",
             "#include <gtest/gtest.h>", "", '#include "mica/mica.h"', "",
             "namespace mlx {", "namespace core = ::mica;  // NOLINT(misc-unused-alias-decls)", "}  // namespace mlx", "", "namespace {", "",
             "/// That it compiles is the test.", "template <typename F>", "void use(F) {}", ""]
    for inner, uses in sorted(spaces.items()):
        title = "".join(part.capitalize() for part in (inner or "core").split("::"))
        lines += [f"TEST(MlxSignatures, {title}) {{", "  using namespace mlx::core;"]
        lines += [f"  using namespace mlx::core::{inner};"] if inner else []
        lines += sorted(uses) + ["}", ""]
    lines += ["// NOLINTEND(performance-unnecessary-value-param)", "", "}  // namespace", ""]
    pathlib.Path(args.output).parent.mkdir(exist_ok=True)
    pathlib.Path(args.output).write_text("\n".join(lines))


if __name__ == "__main__":
    main()
