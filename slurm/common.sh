# shellcheck shell=bash
# What job scripts share. To be sourced from the project's folder, from which jobs are submitted.
#
# Sets: podium, the executable (PODIUM in the environment, else build/release/podium). Exit codes are Podium's.

# shellcheck source=slurm/site.conf
source slurm/site.conf

fail() {
  local code=$1
  shift
  echo "podium: error: $*" >&2
  exit "$code"
}

if [ -z "${SLURM_JOB_ID:-}" ]; then
  fail 69 "this is a job for Slurm: sbatch $0; on a workstation run scripts/scaling_study.sh or scripts/run.sh"
fi

# A warning of Slurm (USR1, which jobs ask for) is passed on to the step. One that comes before there is a step does no
# harm: the ranks know the end of their job themselves.
warnings=0 step=
trap 'warnings=$((warnings + 1)); if [ -n "$step" ]; then kill -USR1 "$step" 2>/dev/null; fi' USR1

if [ -n "$PODIUM_MODULES" ]; then
  type module >/dev/null 2>&1 || fail 69 "slurm/site.conf names modules, and there is no \`module\` here"
  # shellcheck disable=SC2086  # one word per module
  module load $PODIUM_MODULES
fi

podium=${PODIUM:-build/release/podium}
[ -x "$podium" ] || fail 69 "$podium is not built; run ./scripts/test.sh or cmake --build --preset release"

# Whether srun here can start ranks that find each other.
knows_pmix() { srun --mpi=list 2>&1 | grep -qw pmix; }

case $PODIUM_LAUNCHER in
  srun | mpirun) launcher=$PODIUM_LAUNCHER ;;
  auto) if knows_pmix; then launcher=srun; else launcher=mpirun; fi ;;
  *) fail 2 "PODIUM_LAUNCHER=$PODIUM_LAUNCHER (slurm/site.conf): write srun, mpirun or auto" ;;
esac
if [ "$launcher" = srun ] && ! knows_pmix; then
  fail 69 "srun knows no PMIx here (srun --mpi=list), so ranks would not find each other; set PODIUM_LAUNCHER=mpirun in slurm/site.conf"
fi
if [ "$launcher" = mpirun ] && ! command -v mpirun >/dev/null; then
  fail 69 "srun knows no PMIx here, and there is no mpirun; name the module of the MPI that Podium was built with in slurm/site.conf"
fi

# Ranks are bound to cores where this cluster can.
bind=(--cpu-bind=cores)
if scontrol show config 2>/dev/null | grep -q '^TaskPlugin .*task/none'; then bind=(); fi

# Sets command: RANKS THREADS COMMAND... on as few nodes as hold the ranks, each bound to THREADS cores of its own.
set_command() {
  local ranks=$1 threads=$2
  shift 2
  if [ "$launcher" = srun ]; then
    local nodes=()
    if [ "$ranks" = 1 ]; then nodes=(--nodes=1); fi # srun would warn of the others
    command=(srun --mpi=pmix "--ntasks=$ranks" "${nodes[@]}" "--cpus-per-task=$threads" "${bind[@]}" --distribution=block "$@")
  else
    command=(mpirun -n "$ranks" --map-by "slot:PE=$threads" --bind-to core "$@")
  fi
}

# Passes on what a step prints, and notes in file $1 that it told a result.
relay() {
  local line
  trap '' USR1 TERM # what the step still says at its end is heard
  while IFS= read -r line; do
    printf '%s\n' "$line"
    [[ $line != "PODIUM_RESULT "* ]] || echo told >"$1"
  done
}

# attend RANKS THREADS COMMAND...: a step from its launch to its end, which sets $status. srun ends with 0 too where
# Slurm could not start the step, as on a node that came back from a crash and has files of the job's last turn in the
# way: a step that has told no result did not run, and the next one has other files.
attend() {
  local own seen told turn wait_for_words
  told=$(mktemp) || fail 74 "there is no room for a temporary file on $(hostname)"
  set_command "$@"
  for turn in 1 2 3; do
    "${command[@]}" > >(relay "$told") &
    own=$!
    [ "$hears_warnings" = no ] || step=$own
    # A wait that a signal has ended says nothing of the step.
    while true; do
      seen=$warnings
      wait "$own" && status=0 || status=$?
      if [ "$warnings" = "$seen" ]; then break; fi
    done
    step=
    for ((wait_for_words = 0; wait_for_words < 20; ++wait_for_words)); do
      if [ "$status" != 0 ] || [ -s "$told" ]; then
        rm -f "$told"
        return
      fi
      sleep 0.1
    done
    echo "Slurm did not start the step in its turn $turn" >&2
  done
  fail 69 "Slurm starts no step on $(hostname); see slurmd's log there, and submit the job again"
}

# launch RANKS THREADS COMMAND...: a step of a moment, which no warning disturbs; returns its exit code.
launch() {
  local status=0 hears_warnings=no
  attend "$@"
  return "$status"
}

# What Slurm shows of this job when it has ended (scontrol show job), and the last line of its output, which may be lost
# where the file system is full.
explain() {
  local what
  case $1 in
    2) what="wrong configuration" ;;
    65) what="unusable data" ;;
    69) what="something is missing or taken" ;;
    74) what="a file could not be read or written: is there room?" ;;
    137) what="killed" ;;
    *) what="failed" ;;
  esac
  scontrol update "JobId=$(this_job)" "Comment=podium ended with $1: $what" 2>/dev/null || true
}

# finish RANKS THREADS COMMAND...: launches a step, waits for its end, and returns its exit code. Ranks that were warned
# save and end with 75: then this job, or this task of its array, is queued again and goes on from there, as it is when
# its ranks were killed (137). What a user has cancelled does not come back.
finish() {
  local status=0 hears_warnings=yes
  attend "$@"
  if [ "$status" = 75 ] || [ "$status" = 137 ] || { [ "$warnings" -gt 0 ] && [ "${requeue_when_warned:-0}" = 1 ]; }; then
    requeue "$status"
  fi
  if [ "$status" != 0 ]; then explain "$status"; fi
  return "$status"
}

# This job as Slurm knows it; of an array only this task.
this_job() {
  if [ -n "${SLURM_ARRAY_JOB_ID:-}" ]; then
    echo "${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID"
  else
    echo "$SLURM_JOB_ID"
  fi
}

requeue() {
  local job restarts=${SLURM_RESTART_COUNT:-0}
  job=$(this_job)
  if scontrol show job "$job" 2>/dev/null | grep -q 'JobState=CANCELLED'; then
    echo "job $job was cancelled; submit it again to go on" >&2
    exit "$1"
  fi
  if [ "$restarts" -ge "$PODIUM_RESTARTS" ]; then
    fail "$1" "job $job was restarted $restarts times (PODIUM_RESTARTS in slurm/site.conf); submit it again to go on"
  fi
  echo "job $job goes on in its next turn, the $((restarts + 1)). restart" >&2
  scontrol requeue "$job" || fail "$1" "job $job cannot be queued again; submit it again to go on"
  sleep 60 # Slurm ends this script
  exit "$1"
}

# Where others reach this node.
own_address() { hostname -I | cut -d' ' -f1; }

# What `podium VERB ARGUMENTS` would go by: setting SECTION KEY VERB ARGUMENTS...
setting() {
  local section=$1 key=$2
  shift 2
  "$podium" "$@" --print-config | sed -n "/^\\[$section\\]/,/^\\[/s/^$key = //p"
}
