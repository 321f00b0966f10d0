#!/usr/bin/env bash
# AllReduce between two network namespaces, short: sums over a real network are right, by messages
# that are rounded and by shared memory inside nodes. Skipped where there can be no namespaces.
set -euo pipefail
# shellcheck source=tests/scripts/expect.sh
source "$(dirname "$0")/expect.sh"

# bench TEXT OPTION...: the script ends well, has TEXT in its output, and no sum is wrong.
bench() {
  local text=$1 status=0 output
  shift
  output=$("$project/scripts/link_bench.sh" --build="$build" --bench.repetitions=1 \
    --bench.seconds=0.001 --bench.min_bytes=64KiB --bench.max_bytes=64KiB "$@" 2>&1) || status=$?
  if [ "$status" = 77 ]; then
    echo "$output"
    exit 77
  fi
  # The last column of the last table.
  if [ "$status" = 0 ] && [[ $output == *"$text"* ]] &&
    awk '/#wrong$/ { rows = 1; next } rows && NF && $NF != 0 { exit 1 }' <<<"$output"; then
    return
  fi
  echo "FAILED: link_bench.sh $*: exit code $status; expected in the output: $text; and no wrong sums"
  printf '  | %s\n' "${output//$'\n'/$'\n'  | }"
  failures=$((failures + 1))
}

expect 0 'usage: scripts/link_bench.sh' "$project/scripts/link_bench.sh" --help
expect 2 'no rate' "$project/scripts/link_bench.sh" --rate=foo
expect 2 'no number of ranks' "$project/scripts/link_bench.sh" --ranks-per-node=0
bench '2 ranks on 2 nodes' --comm.wire=bf16 --bench.algorithms=auto,ring,tree
bench '4 ranks on 2 nodes' --ranks-per-node=2 --bench.algorithms=ring,hierarchical
exit "$failures"
