#!/usr/bin/env bash
# Makes build/peers, the virtual environment with what Podium is compared to: PyTorch, ONNX Runtime,
# h5py, Triton's client, TensorBoard, Ray Serve and uvicorn, from PyPI, where PyTorch brings CUDA's libraries
# along: about 6 GB. A second call does nothing.
#
# Usage: bench/make_peers.sh            then: bench/train_vs_pytorch.py
#
# PYTHON names another interpreter than python3; PIP_INDEX_URL and the like are pip's own.
set -euo pipefail

cd "$(dirname "$0")/.."
readonly peers=build/peers
readonly modules=(torch numpy onnx onnxruntime safetensors h5py tritonclient.http tensorboard tbparse ray uvicorn uvloop httptools orjson)
readonly packages=(torch numpy onnx onnxruntime safetensors h5py 'tritonclient[http]' tensorboard tbparse 'ray[serve]' uvicorn uvloop
  httptools orjson)
readonly python=${PYTHON:-python3}

fail() {
  printf 'make_peers: %s; %s\n' "$1" "$2" >&2
  exit 69
}

complete() {
  [ -x "$peers/bin/python" ] &&
    "$peers/bin/python" -c "import $(IFS=,; echo "${modules[*]}")" 2>/dev/null
}

if complete; then
  echo "build/peers is complete"
  exit 0
fi

command -v "$python" >/dev/null || fail "there is no $python" "install it, or set PYTHON"
"$python" -c 'import venv, ensurepip' 2>/dev/null ||
  fail "$python cannot make virtual environments" \
    "install its venv module (Debian and Ubuntu: apt-get install python3-venv)"

mkdir -p build
if [ ! -x "$peers/bin/pip" ]; then
  # One that was cut short is made anew; an interpreter that is gone leaves a dead link.
  "$python" -m venv --clear "$peers" || fail "$python -m venv failed" "see its message above"
fi

"$peers/bin/pip" install --disable-pip-version-check --quiet "${packages[@]}" ||
  fail "pip could not install ${packages[*]}" \
    "this needs a network or a mirror (PIP_INDEX_URL); what was installed is kept"

complete || fail "the environment in $peers is not usable" "remove it and run this again"
"$peers/bin/python" -c 'import torch; print("build/peers: PyTorch", torch.__version__)'
