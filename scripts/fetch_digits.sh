#!/usr/bin/env bash
# Lays 1,797 handwritten digits of 8 x 8 pixels (scikit-learn's data set, from UCI's "Optical Recognition of Handwritten Digits", CC BY 4.0)
# as CSV into build/test-data. Does nothing when they are there.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
target=${1:-$root/build/test-data/digits.csv}
sum=6ebb3d2fee246a4e99363262ddf8a00a3c41bee6014c373ed9d9216ba7f651b8

if [ -f "$target" ]; then
  exit 0
fi
echo "mica: fetching scikit-learn (13 MB) for its digits"
mkdir -p "$(dirname "$target")"
work=$(mktemp -d "$(dirname "$target")/fetch.XXXXXX")
trap 'rm -rf "$work"' EXIT
# Any wheel will do: only the data file in it is used.
python3 -m pip download -q --no-deps -d "$work" --only-binary :all: --platform manylinux2014_x86_64 --python-version 3.11 scikit-learn==1.5.2
python3 - "$work"/scikit_learn-*.whl "$work/digits.csv" <<'PYTHON'
import gzip, sys, zipfile
with open(sys.argv[2], "wb") as out:
    out.write(gzip.decompress(zipfile.ZipFile(sys.argv[1]).read("sklearn/datasets/data/digits.csv.gz")))
PYTHON
echo "$sum  $work/digits.csv" | sha256sum -c --quiet ||
  { echo "mica: the digits are not what they should be; nothing was installed" >&2; exit 1; }
mv "$work/digits.csv" "$target"
