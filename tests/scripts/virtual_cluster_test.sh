#!/usr/bin/env bash
# A cluster of two nodes, as scripts/virtual_cluster.sh makes it: ranks on both by srun with PMIx, a
# node that dies and comes back, and nothing that stays behind. Skipped where it cannot stand.
set -euo pipefail
# shellcheck source=tests/scripts/expect.sh
source "$(dirname "$0")/expect.sh"
cluster=$project/scripts/virtual_cluster.sh
scratch=$(mktemp -d)
export PODIUM_CLUSTER=$scratch/cluster
trap '"$cluster" down || true; rm -rf "$scratch"' EXIT

expect 0 'usage: scripts/virtual_cluster.sh' "$cluster" --help
expect 2 'no number of nodes' "$cluster" up 0
expect 2 'no rate' "$cluster" up 2 --rate=fast
expect 2 'not understood' "$cluster" up 2 --cores=2
expect 69 'there is no cluster' "$cluster" status
expect 0 '' "$cluster" down

status=0
output=$("$cluster" up 2 2>&1) || status=$?
if [ "$status" = 77 ]; then
  echo "$output"
  exit 77
fi
[ "$status" = 0 ] || { echo "FAILED: up 2: exit code $status: $output" && exit 1; }
number=$(sed -n 's/^number=//p' "$PODIUM_CLUSTER/cluster")
expect 2 'is there already' "$cluster" up 2
expect 2 'no node of this cluster' "$cluster" kill node3
expect 0 'node2' "$cluster" run srun -N2 hostname
expect 0 'PODIUM_RESULT' "$cluster" run srun --mpi=pmix -N2 -n2 "$build/podium" bench allreduce \
  --run.dir="$scratch/run" --bench.repetitions=1 --bench.seconds=0.001 --bench.max_bytes=1KiB

# await TEXT: node2 comes into that state.
await() {
  local tries
  for ((tries = 0; tries < 150; ++tries)); do
    if [[ $("$cluster" run sinfo --noheader --nodes=node2 --format=%T) == *"$1"* ]]; then return; fi
    sleep 0.4
  done
  echo "FAILED: node2 is not $1 within a minute"
  failures=$((failures + 1))
}
expect 0 '' "$cluster" kill node2
await down
expect 0 '' "$cluster" revive node2
await idle
expect 0 'node2' "$cluster" run srun -N2 hostname

expect 0 '' "$cluster" down
if [ -e "$PODIUM_CLUSTER" ] || ip link show "podium-br$number" >/dev/null 2>&1 ||
  grep -qs "[/]${PODIUM_CLUSTER#/}" /proc/[0-9]*/cmdline; then
  echo "FAILED: something of the cluster stayed behind"
  failures=$((failures + 1))
fi
exit "$failures"
