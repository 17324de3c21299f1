#!/usr/bin/env python3
"""Array operations beside NumPy, torch and MLX on the CPU: alternating rounds on this machine, the fastest of each, as a table.

    bench/array_ops.py --mica build/bench/bin/array_ops_bench --torch PYTHON [--mlx PYTHON] [--rounds 3] [--seconds 0.3]

--torch and --mlx name Python programs that have torch and NumPy, and MLX.
"""
import argparse
import json
import pathlib
import subprocess

parser = argparse.ArgumentParser()
parser.add_argument("--mica", required=True)
parser.add_argument("--torch", required=True)
parser.add_argument("--mlx")
parser.add_argument("--rounds", type=int, default=3)
parser.add_argument("--seconds", default="0.3")
parser.add_argument("--part", default="")
args = parser.parse_args()
peers = str(pathlib.Path(__file__).parent / "array_ops_peers.py")
tail = [args.seconds, args.part]
commands = {"mica": [args.mica, *tail], "torch": [args.torch, peers, "torch", *tail],
            "numpy": [args.torch, peers, "numpy", *tail]}
if args.mlx:
    commands["mlx"] = [args.mlx, peers, "mlx", *tail]
times = {name: {} for name in commands}
for round_number in range(args.rounds):
    for name, command in commands.items():
        if name == "mlx" and round_number > 0:
            continue  # so slow that one round tells
        for case, ms in json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout).items():
            times[name].setdefault(case, []).append(ms)
print("| case | mica ms | torch | numpy | mlx |\n| --- | ---: | ---: | ---: | ---: |")
for case, mine in times["mica"].items():
    own = min(mine)
    ratios = [f"{min(times[p][case]) / own:.2f}" if case in times.get(p, {}) else "" for p in
              ("torch", "numpy", "mlx")]
    print(f"| {case} | {own:.3f} | " + " | ".join(ratios) + " |")
