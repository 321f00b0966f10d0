#!/usr/bin/env bash
# Pictures of a report: what is refused, and where there is a Chromium three pictures of a small run.
set -euo pipefail
# shellcheck source=tests/scripts/expect.sh
source "$(dirname "$0")/expect.sh"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$project"

shots=scripts/screenshots.sh
expect 0 'usage: scripts/screenshots.sh' "$shots" --help
expect 2 "unknown option '--hight=3'" "$shots" --hight=3
expect 2 '--height=high: write a number' "$shots" --height=high

mkdir "$scratch/bare"
for tool in bash dirname env; do ln -s "$(command -v "$tool")" "$scratch/bare"; done
expect 77 'SKIPPED: there is no Chromium' env PATH="$scratch/bare" "$shots" "$scratch"

for name in chromium chromium-browser google-chrome none; do
  if command -v "$name" >/dev/null; then break; fi
done
if [ "$name" = none ]; then
  [ "$failures" = 0 ] || exit 1
  echo "SKIPPED: no Chromium to take pictures with"
  exit 77
fi
expect 0 '"verb":"train"' "$build/podium" train inputs/fashion_mnist-ci.cfg --train.model=dense \
  --run.dir="$scratch/run" --io.cache_dir="$scratch/cache"
expect 0 'report-phone.png: 420 x ' env PODIUM="$build/podium" "$shots" --output="$scratch/images" "$scratch/run"
for look in light dark phone; do
  expect 0 'PNG' head -c 4 "$scratch/images/report-$look.png"
done
expect 1 '' cmp -s "$scratch/images/report-light.png" "$scratch/images/report-dark.png"
exit "$failures"
