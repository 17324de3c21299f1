#!/bin/sh
# Runs every fuzz target in a folder for a fixed count of inputs: fuzz/run.sh [FOLDER [RUNS]]
# A crash, leak, hang or sanitizer report ends it with an error and leaves the input in FOLDER/crashes.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
bin=${1:-$root/build/fuzz/bin}
runs=${2:-20000}
python3 "$root/fuzz/make_corpus.py" "$bin/seeds" "$root/build/test-data/templates"
mkdir -p "$bin/crashes"
found=
for program in "$bin"/*_fuzz; do
  [ -x "$program" ] || continue
  found=yes
  name=$(basename "$program")
  # What a run finds stays out of the seeds, so that every run is the same.
  rm -rf "$bin/corpus/$name"
  mkdir -p "$bin/seeds/$name" "$bin/corpus/$name"
  printf '%s: ' "$name"
  if "$program" -runs="$runs" -seed=1 -max_len=8192 -timeout=25 -rss_limit_mb=2048 \
    -artifact_prefix="$bin/crashes/$name-" "$bin/corpus/$name" "$bin/seeds/$name" >"$bin/$name.log" 2>&1; then
    tail -n 1 "$bin/$name.log"
  else
    tail -n 60 "$bin/$name.log" >&2
    exit 1
  fi
done
[ -n "$found" ] || { echo "no fuzz targets in $bin: cmake --preset fuzz && cmake --build --preset fuzz" >&2; exit 1; }
