#!/usr/bin/env python3
"""How much of the memory's bandwidth decoding reads: in turns a plain loop over memory, `mica bench` and, where one is
given, `llama-bench`.

    bench/decode_bandwidth.py --model 1b-q4_0.gguf --megabytes 695 --mica build/release/bin/mica \\
        --matmul-bench build/release/bin/matmul_bench [--llama LLAMA_BENCH] [--rounds 5] [--tokens 12]

`--megabytes`: weights that a token reads (the file without its embedding, where the output head is another matrix). The
bandwidth of a shared machine moves within seconds, so each round shows it before and after.
"""

import argparse
import json
import re
import statistics
import subprocess


def run(command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def read_bandwidth(program):
    """GB/s of a loop that reads memory with the threads that mica uses."""
    out = run([program, "--benchmark_filter=read_bandwidth", "--benchmark_min_time=0.3s"])
    return float(re.search(r"GB/s=([\d.]+)", out).group(1))


def mica_speed(options):
    out = run([options.mica, "bench", "--model", options.model, "-p", "0", "-n", options.tokens, "-r", "1", "--json"])
    return json.loads(out)[0]["tokens_per_second"]


def llama_speed(options):
    out = run([options.llama, "-m", options.model, "-p", "0", "-n", options.tokens, "-r", "1", "-t", "2", "-o", "json"])
    return json.loads(out)[0]["avg_ts"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--megabytes", type=float, required=True)
    parser.add_argument("--mica", required=True)
    parser.add_argument("--matmul-bench", required=True)
    parser.add_argument("--llama")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tokens", default="12")
    options = parser.parse_args()
    speeds = {"mica": mica_speed} | ({"llama.cpp": llama_speed} if options.llama else {})
    shares = {name: [] for name in speeds}
    rates = {name: [] for name in speeds}
    for _ in range(options.rounds):
        before = read_bandwidth(options.matmul_bench)
        for name, speed in speeds.items():
            rate = speed(options)
            after = read_bandwidth(options.matmul_bench)
            read = rate * options.megabytes / 1000
            share = read / max(before, after)
            print(f"{name}: {rate:.1f} tok/s, {read:.1f} of {before:.1f} … {after:.1f} GB/s, {share:.0%}", flush=True)
            shares[name].append(share)
            rates[name].append(rate)
            before = after
    for name in speeds:
        rate, share = statistics.median(rates[name]), statistics.median(shares[name])
        print(f"{name}: median {rate:.1f} tok/s, {share:.0%} of the bandwidth")


if __name__ == "__main__":
    main()
