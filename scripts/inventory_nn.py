#!/usr/bin/env python3
"""Compares the public names of MLX's Python modules mlx.nn, mlx.optimizers and mlx.utils with mica's headers and writes the table
docs/inventory-nn.md. Run it with a Python that has mlx: scripts/inventory_nn.py [--check]
"""
import argparse
import inspect
import pathlib
import re
import sys

import mlx.nn as nn
import mlx.optimizers as optim
import mlx.utils as utils

ROOT = pathlib.Path(__file__).resolve().parent.parent
GROUPS = [
    ("nn: layers and functions", nn, "mica/nn"), ("nn.losses", nn.losses, "mica/nn/losses.h"),
    ("nn.init", nn.init, "mica/nn/init.h"), ("nn.Module", nn.Module, "mica/nn/module.h"),
    ("optimizers and schedules", optim, "mica/optim"), ("optimizers.Optimizer", optim.Optimizer, "mica/optim/optimizer.h"),
    ("utils", utils, "mica/nn"),
]
# What a Python class needs and a C++ class does not have: state is the module itself.
PYTHON_ONLY = {"nn.Module": {"state", "is_module", *dir(dict)} - {"update"}}
RENAMED = {"optimizers.Optimizer": {"init_single": None, "apply_single": None}}


def public_names(group, module):
    names = []
    for name, value in vars(module).items():
        inner = getattr(module, name)
        if name.startswith("_") or inspect.ismodule(inner) or name in PYTHON_ONLY.get(group, ()) or name in RENAMED.get(group, ()):
            continue
        home = getattr(inner, "__module__", None) or ""
        if inspect.isclass(module) or (callable(inner) and home.startswith("mlx.") and home != "mlx.core"
                                       and (group == "utils" or not home.startswith("mlx.utils"))
                                       and (not group.startswith("optim") or home.startswith("mlx.optim"))
                                       and (group in ("nn.losses", "nn.init") or home.split(".")[-1] not in ("losses", "init"))):
            names.append(name)
    return sorted(set(names))


def header_of(name, place):
    """The header in which the name is declared, or None."""
    path = ROOT / place
    word = re.escape(name)
    declaration = re.compile(rf"(\b(struct|class)\s+{word}\b(?!\s*;)|\busing\s+{word}\s*=|^\s*MICA_ACTIVATION_LAYER\({word},|[\w>&\]*]\s+&?{word}\()",
                             re.MULTILINE)
    for header in [path] if path.is_file() else sorted(path.glob("*.h")):
        text = re.sub(r"//.*", "", header.read_text())
        if declaration.search(text):
            return str(header.relative_to(ROOT))
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="only print what is missing; exit status 1 if anything is")
    args = parser.parse_args()
    rows, missing = [], []
    for group, module, place in GROUPS:
        for name in public_names(group, module):
            header = header_of(name, place)
            rows.append(f"| {group} | `{name}` | {header or '—'} |")
            if header is None:
                missing.append(f"{group}: {name}")
    if args.check:
        print("\n".join(missing))
        sys.exit(1 if missing else 0)
    head = ("# MLX's Python neural networks and optimizers in mica\n\nMade by `scripts/inventory_nn.py` from MLX's modules and mica's "
            f"headers. {len(rows) - len(missing)} of {len(rows)} names.\n\n| MLX | name | mica |\n| --- | --- | --- |\n")
    (ROOT / "docs" / "inventory-nn.md").write_text(head + "\n".join(rows) + "\n")


if __name__ == "__main__":
    main()
