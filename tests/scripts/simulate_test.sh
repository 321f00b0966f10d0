#!/usr/bin/env bash
# Simulated ranks: sums by every algorithm are right for any number of ranks, time passes as the platform says,
# and simulate.sh makes its tables. Skipped where the build found no SimGrid.
set -euo pipefail
# shellcheck source=tests/scripts/expect.sh
source "$(dirname "$0")/expect.sh"

simulate=$project/scripts/simulate.sh
export PODIUM=$build/podium
expect 2 "write numbers from 1 to 1024" "$simulate" --ranks=0
expect 2 "write numbers from 1 to 1024" "$simulate" --ranks=1,2048
expect 2 "write weak or strong" "$simulate" --mode=odd
expect 2 "fat_tree, gpu_islands or both" "$simulate" --platform=torus
expect 2 "unknown option" "$simulate" --nodes=3
expect 69 "podium_simulated.so is not built" env PODIUM=/usr/bin/env "$simulate" --ranks=1
if ! command -v smpirun >/dev/null || [ ! -e "$build/podium_simulated.so" ]; then
  # The last line above needs smpirun too.
  echo "SKIPPED: SimGrid is not here (Debian: libsimgrid-dev)"
  exit 77
fi

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
for ((i = 0; i < 16; ++i)); do echo "node-$i"; done >"$scratch/hosts"

# on RANKS ARGUMENT...: podium_simulated on the fat tree, whose links have 12.5 GB/s less 3 %.
on() {
  local ranks=$1
  shift
  smpirun -no-privatize -np "$ranks" -platform "$project/bench/platforms/fat_tree.xml" -hostfile "$scratch/hosts" \
    --cfg=smpi/simulate-computation:no --cfg=smpi/test:0 --cfg=network/model:CM02 --cfg=network/latency-factor:1 \
    --cfg=network/bandwidth-factor:0.97 --cfg=network/TCP-gamma:0 --log=root.thres:critical \
    "$build/podium_simulated.so" "$@" </dev/null
}

for ranks in 1 2 3 5 8 13; do
  for bytes in 4 52 400000; do
    expect 0 '"algorithm":"tree"' on "$ranks" "--buckets=$bytes@0" --algorithms=ring,halving,tree --check
  done
done
for lanes in 2 4; do
  expect 0 '"algorithm":"hierarchical"' on 8 --buckets=400000@0 --algorithms=hierarchical --ranks_per_node=$lanes --check
done
expect 2 "do not fill nodes of 3" on 8 --buckets=4@0 --ranks_per_node=3
expect 2 "are no buckets" on 2 --buckets=4
expect 2 "is not simulated" on 2 --buckets=4@0 --algorithms=mpi

# value KEY LINE
value() { sed -E "s/.*\"$1\":([0-9.e+-]+).*/\1/" <<<"$2"; }

# Two ranks swap two halves of 97 MB, added at 10 GB/s: 8 ms of link, of which the first way also adds. All of it
# is exposed where it begins with the end of the computing, and none where there is time enough.
late=$(on 2 --buckets=97000000@0.1 --compute_s=0.1 --algorithms=halving | grep '^PODIUM_SIMULATED')
early=$(on 2 --buckets=97000000@0 --compute_s=0.1 --algorithms=halving | grep '^PODIUM_SIMULATED')
python3 - "$(value exchange_s "$late")" "$(value exposed_comm_s "$late")" "$(value exposed_comm_s "$early")" \
  "$(value step_s "$early")" <<'CHECK' || failures=$((failures + 1))
import sys
exchange, late, early, step = map(float, sys.argv[1:])
link = 97e6 / (12.5e9 * 0.97)
assert link < exchange < link + 97e6 / 2 / 10e9 + 97e6 / 10e9 + 1e-3, exchange
assert abs(late - exchange) < 1e-4, (late, exchange)
assert early < 1e-6 and abs(step - 0.1) < 1e-6, (early, step)
CHECK

expect 0 "SIMULATED: gpu_islands" "$simulate" --ranks=1,8,16 --out="$scratch/out" -- \
  "$project/inputs/fashion_mnist-ci.cfg" --plan.step_ms=1,2,3
for table in fat_tree/scaling.csv gpu_islands/scaling.csv; do
  expect 0 "simulated,cnn,weak,16,1,1024," cat "$scratch/out/$table"
done
expect 0 "simulated,gpu_islands,dense,weak,16,8,1024,hierarchical," cat "$scratch/out/gpu_islands-algorithms.csv"
expect 1 "" grep -v -e '^simulated,' -e '^kind,' "$scratch/out/fat_tree-algorithms.csv"
expect 0 "strong,8,1,64," sh -c "'$simulate' --ranks=8 --platform=fat_tree --mode=strong --algorithms=tree \
  --out='$scratch/strong' -- '$project/inputs/fashion_mnist-ci.cfg' --run.models=dense >/dev/null && \
  cat '$scratch/strong/fat_tree/scaling.csv'"
exit "$failures"
