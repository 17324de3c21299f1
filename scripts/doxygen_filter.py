#!/usr/bin/env python3
"""Doxygen's input filter: a comment over several declarations without a blank line between them is that of each of them,
also of those that a macro of the same header makes.

    scripts/doxygen_filter.py HEADER
"""
import re
import sys

# What follows a comment without being a declaration of its own.
NOT_A_DECLARATION = re.compile(r"\s*(//|#|\}|public:|private:|protected:|namespace\b|friend\b|$)")


MACRO_USE = re.compile(r"\s*([A-Z_0-9]+)\((.*)\)\s*$")


def function_macros(lines):
    """Name → (parameters, lines of the body) of the macros with parameters that the header defines."""
    macros = {}
    for i, line in enumerate(lines):
        start = re.match(r"#define (\w+)\(([^)]*)\)\s*\\$", line)
        if not start:
            continue
        body = []
        for part in lines[i + 1:]:
            body.append(part.rstrip("\\ "))
            if not part.endswith("\\"):
                break
        macros[start[1]] = ([p.strip() for p in start[2].split(",")], body)
    return macros


def declarations(line, macros):
    """What the use of a macro declares, each as one line."""
    use = MACRO_USE.match(line)
    parameters, body = macros[use[1]]
    values = dict(zip(parameters, (v.strip() for v in use[2].split(","))))
    out, current, depth = [], "", 0
    for part in body:
        part = re.sub(r"\w+", lambda word: values.get(word[0], word[0]), part)
        inner = MACRO_USE.match(part)
        if depth == 0 and inner and inner[1] in macros:
            out += declarations(part, macros)
            continue
        current += " " + part.strip()
        depth += part.count("{") + part.count("(") - part.count("}") - part.count(")")
        if depth == 0 and re.search(r"[;}]$", current):
            out.append(current.strip())
            current = ""
    return out + ([current.strip()] if current else [])


def with_macros_expanded(lines):
    """The lines with the documented macros of the header replaced by what they declare."""
    macros = function_macros(lines)
    out, documented = [], False
    for line in lines:
        use = MACRO_USE.match(line)
        if documented and use and use[1] in macros:
            out += declarations(line, macros)
            continue
        documented = bool(re.match(r"\s*///(?!<)", line)) or (documented and bool(line.strip()))
        out.append(line)
    return out


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
        print("\n".join(filtered(with_macros_expanded(header.read().splitlines()))))
