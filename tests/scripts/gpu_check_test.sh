#!/usr/bin/env bash
# gpu_check.sh where no GPU can be seen, whatever the machine has, and with wrong arguments.
set -euo pipefail
# shellcheck source=tests/scripts/expect.sh
source "$(dirname "$0")/expect.sh"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

for hidden in '' -1 NoDevFiles; do
  expect 69 'gpu_check.sh: error: no GPU: CUDA_VISIBLE_DEVICES hides all of them' \
    env CUDA_VISIBLE_DEVICES="$hidden" "$project/scripts/gpu_check.sh" --output "$scratch/out"
done
if [ -e "$scratch/out" ]; then
  echo "FAILED: something was written though there was nothing to check"
  failures=$((failures + 1))
fi
expect 0 'sections: tests' "$project/scripts/gpu_check.sh" --help
expect 2 "unknown argument '--fast'" "$project/scripts/gpu_check.sh" --fast
expect 2 "no number of minutes" "$project/scripts/gpu_check.sh" --minutes none
expect 2 "there is no section 'test'" "$project/scripts/gpu_check.sh" --only tests,test

# The report, of two sections: one that failed, one with figures.
mkdir -p "$scratch/in/results" "$scratch/report"
printf 'date\tnow\ndata\tfashion_mnist\ncores\t2\nseconds\t9\ngpu\tTest GPU, 1.0, 1 MiB\nversion\tpodium 0\n' \
  >"$scratch/in/machine"
printf 'tests\tfailed\t3\t1 passed, 1 failed\nbench_nn\tpassed\t5\t\n' >"$scratch/in/sections"
echo '{"verb":"bench","rows":[{"what":"train cnn","ours":12345.6,"limit":20000,"unit":"images/s"}]}' \
  >"$scratch/in/results/bench_nn.all"
if command -v python3 >/dev/null; then
  expect 0 '' python3 "$project/scripts/gpu_check_report.py" "$scratch/in" "$scratch/report"
  expect 0 '| tests | failed | 3 | 1 passed, 1 failed |' cat "$scratch/report/gpu_check.md"
  expect 0 '| train cnn | ours 12,346, limit 20,000 | images/s |' cat "$scratch/report/gpu_check.md"
  expect 0 '["failed", "passed"]' python3 -c 'import json, sys
print(json.dumps([s["outcome"] for s in json.load(open(sys.argv[1]))["sections"]]))' \
    "$scratch/report/gpu_check.json"
fi
exit "$failures"
