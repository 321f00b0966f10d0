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

# launch RANKS THREADS COMMAND...: the ranks on as few nodes as hold them, each bound to THREADS cores of its own.
launch() {
  local ranks=$1 threads=$2
  shift 2
  if [ "$launcher" = srun ]; then
    srun --mpi=pmix --ntasks="$ranks" --cpus-per-task="$threads" --cpu-bind=cores --distribution=block "$@"
  else
    mpirun -n "$ranks" --map-by "slot:PE=$threads" --bind-to core "$@"
  fi
}
