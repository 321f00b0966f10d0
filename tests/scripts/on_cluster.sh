# shellcheck shell=bash
# What tests on a virtual cluster share. To be sourced behind expect.sh; $scratch is the test's folder, which goes when
# the test ends, $run the run folder that it is at, $table the last pipeline's jobs.
# shellcheck disable=SC2154,SC2317,SC2329  # the variables are the test's, and `await` calls functions by name

cluster=$project/scripts/virtual_cluster.sh
export PODIUM_CLUSTER=$scratch/cluster PODIUM=$build/podium

# up N OPTIONS...: a cluster; ends the test as skipped where none can stand.
up() {
  local status=0 output
  output=$("$cluster" up "$@" 2>&1) || status=$?
  if [ "$status" = 77 ]; then
    echo "$output"
    exit 77
  fi
  [ "$status" = 0 ] || { echo "FAILED: up $*: exit code $status: $output" && exit 1; }
  eval "$("$cluster" env)"
}

# await SECONDS WHAT COMMAND...: until the command succeeds; the seconds are those of an idle machine.
await() {
  local seconds=$1 what=$2 tries
  shift 2
  for ((tries = 0; tries < seconds * 10; ++tries)); do
    if "$@" >/dev/null 2>&1; then return 0; fi
    sleep 0.25
  done
  echo "FAILED: it does not come: $what"
  squeue
  tail -n 5 "$run"/slurm-*.out | cut -c1-300
  exit 1
}

job() { awk -v step="$1" '$1 == step { print $2 }' <<<"$table"; }
ended() { ! squeue --noheader --jobs="$1" --states=all --format=%T 2>/dev/null | grep -qvE 'COMPLETED|FAILED|CANCELLED'; }
holds() { grep -qs -- "$1" "${@:2}"; }
