#!/usr/bin/env python3
"""clang-tidy over every file of BUILD/compile_commands.json: lint.py BUILD [-j JOBS] [FILE…]

A file that was clean is checked again once something it depends on has changed: its text, a header of the project that it
includes, its compile commands, .clang-tidy or clang-tidy itself. BUILD/clean/ keeps what each file was clean with; without
that folder every file is checked. Exits with 1 when there are findings.
"""
import argparse
import collections
import concurrent.futures
import functools
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
TIDY = "clang-tidy-19"
INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"', re.MULTILINE)


@functools.cache
def included(path):
    """The project's files that this file includes itself."""
    candidates = (folder / name for name in INCLUDE.findall(path.read_text()) for folder in (path.parent, ROOT))
    return [found.resolve() for found in candidates if found.is_file()]


@functools.cache
def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def state(source, commands, common):
    """What the findings in a file depend on, as one hash."""
    seen, waiting = {source}, [source]
    while waiting:
        new = set(included(waiting.pop())) - seen
        seen |= new
        waiting.extend(new)
    parts = [common, *sorted(commands), *(f"{path} {digest(path)}" for path in sorted(seen))]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def check(source, build):
    """The findings of clang-tidy in one file, empty when it is clean."""
    command = [TIDY, "-quiet", f"-p={build}", str(source)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    return "" if done.returncode == 0 else done.stdout + done.stderr


def sources_with_commands(build):
    commands = collections.defaultdict(list)
    for entry in json.loads((build / "compile_commands.json").read_text()):
        source = pathlib.Path(entry["directory"], entry["file"]).resolve()
        if source.is_relative_to(ROOT) and not source.is_relative_to(build):
            commands[source].append(entry["command"])
    return commands


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=lambda text: pathlib.Path(text).resolve())
    parser.add_argument("files", nargs="*", type=lambda text: pathlib.Path(text).resolve(), help="only these")
    parser.add_argument("-j", "--jobs", type=int, default=os.cpu_count())
    arguments = parser.parse_intermixed_args()

    version = subprocess.run([TIDY, "--version"], check=True, capture_output=True, text=True).stdout
    common = version + (ROOT / ".clang-tidy").read_text()
    sources = sources_with_commands(arguments.build)
    if arguments.files:
        sources = {source: commands for source, commands in sources.items() if source in arguments.files}
    states = {source: state(source, commands, common) for source, commands in sources.items()}

    def stamp(source):
        return arguments.build / "clean" / source.relative_to(ROOT)

    def is_clean(source):
        return stamp(source).is_file() and stamp(source).read_text() == states[source]

    waiting = [source for source in sorted(sources) if not is_clean(source)]
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        running = {pool.submit(check, source, arguments.build): source for source in waiting}
        for count, done in enumerate(concurrent.futures.as_completed(running), 1):
            source, findings = running[done], done.result()
            print(f"[{count}/{len(waiting)}] {source.relative_to(ROOT)}\n{findings}", end="", flush=True)
            if findings:
                failed += 1
            else:
                stamp(source).parent.mkdir(parents=True, exist_ok=True)
                stamp(source).write_text(states[source])
    print(f"clang-tidy: {len(sources)} files, {len(waiting)} of them new or changed, {failed} with findings")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
