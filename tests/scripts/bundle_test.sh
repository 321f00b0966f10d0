#!/usr/bin/env bash
# A bundle of this build: below its size, all of it from the bundle, two ranks of it train together.
set -euo pipefail
# shellcheck source=tests/scripts/expect.sh
source "$(dirname "$0")/expect.sh"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

if ! command -v ompi_info >/dev/null; then
  echo "SKIPPED: bundles are made with Open MPI"
  exit 77
fi
expect 0 ' MB, ' "$project/scripts/make_bundle.sh" --build "$build" --tests test_comm_mpi \
  --output "$scratch/b.tar.gz"
tar -C "$scratch" -xf "$scratch/b.tar.gz"
bundle=$scratch/podium-bundle

# Every library that is not the system's own comes from the bundle, or is one of CUDA's.
strays=$("$bundle/with" ldd "$bundle/bin/podium" | awk '$2 == "=>" { print $1, $3 }' |
  grep -v "$bundle" |
  grep -vE '^(libc|libm|libresolv|libdl|librt|libpthread)\.so|^libcud|^libcublas|^libnccl|^libnvrtc') || true
if [ -n "$strays" ]; then
  echo "FAILED: libraries from elsewhere: $strays"
  failures=$((failures + 1))
fi
expect 0 'PODIUM_RESULT {"verb":"train"' "$bundle/mpirun" -n 2 "$bundle/podium" train \
  "$bundle/inputs/fashion_mnist-ci.cfg" --train.model=cnn --device=cpu "--run.dir=$scratch/run" \
  "--io.cache_dir=$scratch/cache"
expect 0 'PASSED' "$bundle/mpirun" -n 2 "$bundle/with" "$bundle/tests/test_comm_mpi"
exit "$failures"
