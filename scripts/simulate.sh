#!/usr/bin/env bash
# Predicts how training scales on machines that are not here: the algorithms of src/comm run on up to 1,024
# ranks that SimGrid's SMPI simulates, on two platforms (bench/platforms/). Every figure is marked "simulated".
#
# The computing of a step is measured here by `podium plan`, or given; only the exchange is simulated. Whatever
# follows -- goes to `podium plan`: input files, --run.models, --train.batch, --plan.step_ms.
#
# Usage: scripts/simulate.sh [options] [-- input.cfg --section.key=value ...]
#   --ranks=1,4,16,64           ranks, one per node or GPU, up to 1024
#   --platform=fat_tree|gpu_islands|both
#   --mode=weak|strong          the batch is that of a rank, or of all together
#   --algorithms=ring,halving,tree,hierarchical
#   --gpu_factor=50             how many times as fast as this machine a GPU is taken to compute
#   --full                      ranks 1,16,64,256,1024, without the ring on 1024 unless --ranks names it: minutes
#   --out=DIR                   for tables and plots; default build/simulated
set -euo pipefail

# shellcheck source=scripts/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
podium=${PODIUM:-$root/build/release/podium}
ranks=1,4,16,64
platform=both
mode=weak
algorithms=ring,halving,tree,hierarchical
gpu_factor=50
out=$root/build/simulated
most_ranks_of_ring=1024
gpus_per_node=8

while [ $# -gt 0 ]; do
  case $1 in
    --ranks=*) ranks=${1#*=} ;;
    --platform=*) platform=${1#*=} ;;
    --mode=*) mode=${1#*=} ;;
    --algorithms=*) algorithms=${1#*=} ;;
    --gpu_factor=*) gpu_factor=${1#*=} ;;
    --out=*) out=${1#*=} ;;
    --full) ranks=1,16,64,256,1024 most_ranks_of_ring=256 ;;
    --help | -h)
      sed -n '2,/^set -euo/{/^#/s/^# \{0,1\}//p}' "$0"
      exit 0
      ;;
    --)
      shift
      break
      ;;
    *) fail 2 "unknown option '$1'; see --help" ;;
  esac
  shift
done

case $mode in weak | strong) ;; *) fail 2 "--mode=$mode: write weak or strong" ;; esac
case $platform in
  both) platforms=(fat_tree gpu_islands) ;;
  fat_tree | gpu_islands) platforms=("$platform") ;;
  *) fail 2 "--platform=$platform: write fat_tree, gpu_islands or both" ;;
esac
[[ $gpu_factor =~ ^[1-9][0-9]*$ ]] || fail 2 "--gpu_factor=$gpu_factor: write a whole number"
IFS=, read -ra rank_counts <<<"$ranks"
for count in "${rank_counts[@]}"; do
  if ! [[ $count =~ ^[1-9][0-9]*$ ]] || [ "$count" -gt 1024 ]; then
    fail 2 "--ranks=$ranks: write numbers from 1 to 1024 with commas between them"
  fi
done
for program in smpirun python3; do
  command -v "$program" >/dev/null ||
    fail 69 "$program is not here; install SimGrid and Python (Debian: apt-get install libsimgrid-dev python3)," \
      "then configure and build again"
done
simulated=${podium%/*}/podium_simulated.so
for file in "$podium" "$simulated"; do
  [ -e "$file" ] || fail 69 "$file is not built; run: cmake --preset release && cmake --build --preset release"
done

mkdir -p "$out"
out=$(cd "$out" && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# A network for messages of any size as it is, with nothing fitted to some cluster's TCP; computing takes what
# the program says and nothing else.
simulator=(--cfg=smpi/simulate-computation:no --cfg=smpi/test:0 --cfg=network/model:CM02
  --cfg=network/latency-factor:1 --cfg=network/bandwidth-factor:0.97 --cfg=network/TCP-gamma:0
  --cfg=contexts/stack-size:256 --log=root.thres:critical)

cp "$root/bench/platforms/fat_tree.xml" "$scratch/fat_tree.xml"
"$root/bench/platforms/gpu_islands.sh" 128 >"$scratch/gpu_islands.xml"
for ((i = 0; i < 1024; ++i)); do
  echo "node-$i" >>"$scratch/fat_tree.hosts"
  echo "gpu-$i" >>"$scratch/gpu_islands.hosts"
done

# plan_of RANKS RANKS_PER_NODE ARGUMENT...: the result line of `podium plan` for the job.
plan_of() {
  local count=$1 lanes=$2
  shift 2
  "$podium" plan "$@" --plan.mode="$mode" --plan.nodes=$((count / lanes)) --plan.ranks_per_node="$lanes" \
    --log.level=warning | sed -n 's/^PODIUM_RESULT //p'
}

# without NAME LIST: LIST without that algorithm.
without() {
  local kept
  kept=$(tr , '\n' <<<"$2" | grep -vx "$1" | paste -sd,) || true
  echo "$kept"
}

for name in "${platforms[@]}"; do
  rows=$scratch/$name.rows
  : >"$rows"
  for count in "${rank_counts[@]}"; do
    lanes=1 factor=1 link=(--bandwidth_gb_s=12.5 --latency_us=2)
    if [ "$name" = gpu_islands ]; then
      factor=$gpu_factor link=(--bandwidth_gb_s=50 --latency_us=3)
      if [ $((count % gpus_per_node)) = 0 ]; then lanes=$gpus_per_node; fi
    fi
    chosen=$algorithms
    if [ "$lanes" = 1 ]; then chosen=$(without hierarchical "$chosen"); fi
    if [ "$count" -gt "$most_ranks_of_ring" ]; then chosen=$(without ring "$chosen"); fi
    # Weak: a rank computes the same whatever the number of ranks, so it is measured once.
    if [ "$mode" = strong ] || [ ! -s "$scratch/plan" ]; then
      plan_of "$([ "$mode" = weak ] && echo 1 || echo "$count")" \
        "$([ "$mode" = weak ] && echo 1 || echo "$lanes")" "$@" >"$scratch/plan"
      [ -s "$scratch/plan" ] || fail 70 "podium plan gave no result; its message is above"
    fi
    python3 "$root/scripts/simulate_rows.py" schedule "$scratch/plan" "$factor" >"$scratch/schedule"
    while read -r model batch compute_s buckets; do
      if [ "$mode" = weak ]; then batch=$((batch * count)); fi
      printf '%s: %s, %s, %d rank(s), %s\n' "${0##*/}" "$name" "$model" "$count" "$chosen" >&2
      if [ -z "$chosen" ]; then continue; fi
      smpirun -no-privatize -np "$count" -platform "$scratch/$name.xml" -hostfile "$scratch/$name.hosts" \
        "${simulator[@]}" "$simulated" "--buckets=$buckets" "--compute_s=$compute_s" "--algorithms=$chosen" \
        --ranks_per_node="$lanes" "${link[@]}" </dev/null |
        sed -n "s/^PODIUM_SIMULATED /$name $model $mode $batch /p" >>"$rows"
    done <"$scratch/schedule"
  done
  python3 "$root/scripts/simulate_rows.py" tables "$rows" "$out/$name-algorithms.csv" "$scratch/$name.csv"
  echo
  echo "SIMULATED: $name, $mode scaling, the fastest algorithm for each number of ranks"
  "$podium" bench scaling --from="$scratch/$name.csv" --run.dir="$out/$name" --log.level=warning
  echo "tables and plot: $out/$name-algorithms.csv $out/$name/scaling.csv $out/$name/scaling.svg" >&2
done
