#!/usr/bin/env bash
# What make_bundle.sh refuses, and what a bundle's wrapper says of a machine that cannot run it.
set -euo pipefail
# shellcheck source=tests/scripts/expect.sh
source "$(dirname "$0")/expect.sh"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

expect 0 'usage: ./scripts/make_bundle.sh' "$project/scripts/make_bundle.sh" --help
expect 2 "unknown argument '--with-everything'" "$project/scripts/make_bundle.sh" --with-everything
expect 2 '--output wants a value' "$project/scripts/make_bundle.sh" --output
expect 69 "$scratch/none has no podium" "$project/scripts/make_bundle.sh" --build "$scratch/none"

mkdir -p "$scratch/b/etc" "$scratch/b/lib" "$scratch/b/bin"
cp "$project/packaging/bundle/environment.sh" "$scratch/b/"
for name in podium with; do cp "$project/packaging/bundle/launcher.sh" "$scratch/b/$name"; done
# shellcheck disable=SC2016  # expanded by the stand-in
printf '#!/bin/sh\necho "started with $*, $OPAL_PREFIX, $LD_LIBRARY_PATH"\n' >"$scratch/b/bin/podium"
chmod +x "$scratch/b/bin/podium"
expect 0 "started with --version, $scratch/b, $scratch/b/lib" "$scratch/b/podium" --version
expect 0 "started with a b," "$scratch/b/with" podium a b
ln -s "$scratch/b/podium" "$scratch/podium"
expect 0 "started with linked, $scratch/b" "$scratch/podium" linked

echo no_such_flag >"$scratch/b/etc/cpu-flags"
expect 69 'this processor lacks no_such_flag' "$scratch/b/podium"
rm "$scratch/b/etc/cpu-flags"

printf 'libcuda_of_a_test.so.9 needed\nlibcuda_of_no_test.so.9 optional\n' \
  >"$scratch/b/etc/cuda-libraries"
expect 69 'libcuda_of_a_test.so.9 is not here' "$scratch/b/podium"
mkdir -p "$scratch/toolkit/lib64"
touch "$scratch/toolkit/lib64/libcuda_of_a_test.so.9"
expect 0 "$scratch/b/lib:$scratch/toolkit/lib64" env CUDA_HOME="$scratch/toolkit" "$scratch/b/podium"
expect 0 "$scratch/b/lib:$scratch/toolkit/lib64:/opt/mine" \
  env LD_LIBRARY_PATH=/opt/mine PODIUM_CUDA_LIBRARIES="/none:$scratch/toolkit/lib64" "$scratch/b/podium"
if command -v python3 >/dev/null; then
  mkdir -p "$scratch/site/nvidia/of_a_test/lib"
  touch "$scratch/site/nvidia/of_a_test/lib/libcuda_of_a_test.so.9"
  expect 0 "$scratch/b/lib:$scratch/site/nvidia/of_a_test/lib" \
    env PYTHONPATH="$scratch/site" "$scratch/b/podium"
fi
exit "$failures"
