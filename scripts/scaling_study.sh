#!/usr/bin/env bash
# A scaling study on a workstation: training by 1, 2, 4, ... ranks, one job for each number, so that threads and
# cores are those of a real job; again and again in turns. Ends with one table, CSV and plot.
#
# A job of N ranks with T threads each gets N * T cores and no more, where the machine has them: one rank alone
# would otherwise use the cores of its absent neighbours. What follows -- goes to `podium bench scaling`.
#
# Usage: scripts/scaling_study.sh [options] [-- input.cfg --section.key=value ...]
#   --ranks=1,2,4          numbers of ranks; default: 1, 2, 4, ... up to the cores
#   --threads=1            of each rank
#   --mode=strong|weak|both
#   --repetitions=5
#   --no-pin               jobs may use all cores
#   --out=DIR              default runs/scaling
set -euo pipefail

# shellcheck source=scripts/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
podium=${PODIUM:-$root/build/release/podium}
ranks=
threads=1
mode=both
repetitions=5
pin=yes
out=runs/scaling

while [ $# -gt 0 ]; do
  case $1 in
    --ranks=*) ranks=${1#*=} ;;
    --threads=*) threads=${1#*=} ;;
    --mode=*) mode=${1#*=} ;;
    --repetitions=*) repetitions=${1#*=} ;;
    --no-pin) pin=no ;;
    --out=*) out=${1#*=} ;;
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

cores=$(nproc)
if [ -z "$ranks" ]; then
  for ((count = 1; count <= cores; count *= 2)); do ranks+=$count,; done
fi
IFS=, read -ra counts <<<"$ranks"
for number in "${counts[@]}" "$threads" "$repetitions"; do
  [[ $number =~ ^[1-9][0-9]{0,4}$ ]] ||
    fail 2 "'$number' is no number of ranks, threads or repetitions; write whole numbers from 1"
done
case $mode in
  both) modes=(strong weak) ;;
  strong | weak) modes=("$mode") ;;
  *) fail 2 "--mode=$mode: write strong, weak or both" ;;
esac
[ -x "$podium" ] || fail 69 "$podium is not built; run ./scripts/test.sh, or cmake --build --preset release"
command -v taskset >/dev/null || pin=no

# The cores this script may use, one a line: "0-1,4" becomes 0, 1, 4.
own_cores() {
  local list part
  list=$(sed -n 's/^Cpus_allowed_list:[[:space:]]*//p' /proc/self/status)
  for part in ${list//,/ }; do seq "${part%-*}" "${part#*-}"; done
}

mkdir -p "$out"
tables=()
for ((repetition = 1; repetition <= repetitions; ++repetition)); do
  for mode in "${modes[@]}"; do
    for count in "${counts[@]}"; do
      run=$out/$mode-$count-$repetition
      pinned=()
      if [ "$pin" = yes ] && [ $((count * threads)) -le "$cores" ]; then
        pinned=(taskset -c "$(own_cores | head -n $((count * threads)) | paste -sd,)")
      fi
      "${pinned[@]}" "$root/scripts/mpirun.sh" -n "$count" "$podium" bench scaling "$@" --ranks="$count" \
        --mode="$mode" --repetitions=1 --train.threads="$threads" --run.dir="$run" >"$run.txt" ||
        fail $? "the job of $count rank(s) failed; its message is above"
      grep '^PODIUM_RESULT' "$run.txt" >>"$out/results.txt"
      rm "$run.txt"
      tables+=("$run/scaling.csv")
    done
  done
done
"$podium" bench scaling --from="$(IFS=, && echo "${tables[*]}")" --run.dir="$out"
