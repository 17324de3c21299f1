#!/usr/bin/env python3
"""Seconds from the start of `mica generate` to its first text, of a file in the page cache, with the processor time until
then: what the system takes is mostly clearing memory for packed weights. With a file of those beside the model
(`mica pack`), which is read into the page cache as well, there are none to clear.

    bench/first_text.py --mica build/release/bin/mica [--model large.gguf] [--rounds 9] [-- --ignore-chat-template]

A virtual machine's host may have taken memory back that was free: then the system's share is large, and says nothing
about the program.
"""

import argparse
import os
import pathlib
import statistics
import subprocess
import time


def seconds_of(pid):
    """Processor time in user and in system mode."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return [int(ticks) / os.sysconf("SC_CLK_TCK") for ticks in fields[11:13]]


def first_text(command):
    start = time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        if not os.read(process.stdout.fileno(), 1):
            raise SystemExit(f"{' '.join(command)}: no text")
        elapsed = time.monotonic() - start
        user, system = seconds_of(process.pid)
        process.kill()
    return elapsed, user, system


def read_whole(path):
    with open(path, "rb") as file:
        while file.read(1 << 24):
            pass


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mica", required=True)
    parser.add_argument("--model", help="a GGUF file; the default model where there is none")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("flags", nargs="*", help="further flags of mica generate")
    options = parser.parse_args()
    command = [options.mica, "generate", "--prompt", "Hi", "--max-tokens", "2", "--verbose", "false", *options.flags]
    if options.model:
        command += ["--model", options.model]
    times = []
    for _ in range(options.rounds):
        if options.model:
            read_whole(options.model)
            packed = pathlib.Path(options.model + ".packed")
            if packed.exists():
                read_whole(packed)
        elapsed, user, system = first_text(command)
        times.append(elapsed)
        print(f"{elapsed:.3f} s, user {user:.2f}, system {system:.2f}", flush=True)
    print(f"median {statistics.median(times):.3f} s, least {min(times):.3f}")


if __name__ == "__main__":
    main()
