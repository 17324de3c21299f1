#!/usr/bin/env python3
"""Doxygen's input filter: a comment over several declarations without a blank line between them is that of each of them.

    scripts/doxygen_filter.py HEADER
"""
import re
import sys

# What follows a comment without being a declaration of its own.
NOT_A_DECLARATION = re.compile(r"\s*(//|#|\}|public:|private:|protected:|namespace\b|friend\b|$)")


def filtered(lines):
    """The lines with comments repeated. A declaration begins where the one before it has ended with ; or } or a macro's )."""
    out, comment, fresh = [], [], []
    depth, at_start = 0, True
    for line in lines:
        stripped = line.strip()
        if depth == 0 and re.match(r"\s*///(?!<)", line):
            fresh = fresh + [line] if fresh else [line]
            comment = []
            out.append(line)
            continue
        if depth == 0 and at_start and not NOT_A_DECLARATION.match(line):
            if fresh:
                comment = fresh
            elif comment and "///<" not in line:
                indent = line[: len(line) - len(line.lstrip())]
                out += [indent + c.strip() for c in comment]
        if depth == 0 and (not stripped or re.match(r"\s*(\}|public:|private:|protected:|namespace\b)", line)):
            comment = []
        fresh = []
        out.append(line)
        code = re.sub(r'"(\\.|[^"\\])*"|//.*', "", line)
        # Bodies of functions are passed over; those of classes and namespaces hold declarations.
        opens_scope = re.match(r"\s*(template\s*<.*>\s*)?(class|struct|union|namespace|extern)\b[^;()]*\{\s*$", code)
        if opens_scope and depth == 0:
            comment, at_start = [], True
            continue
        depth += code.count("{") + code.count("(") - code.count("}") - code.count(")")
        depth = max(depth, 0)
        if stripped and not stripped.startswith("//"):
            at_start = depth == 0 and bool(re.search(r"[;}]\s*$", code.rstrip()) or re.match(r"[A-Z_0-9]+\(.*\)$", code.strip()))
        elif not stripped:
            at_start = depth == 0
    return out


if __name__ == "__main__":
    with open(sys.argv[1]) as header:
        print("\n".join(filtered(header.read().splitlines())))
