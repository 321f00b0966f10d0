#!/usr/bin/env bash
# The whole pipeline as jobs of Slurm, submitted by one command: ingest, then an array that trains a variant in each
# task, then a service that starts with the first variant that is finished and takes better ones as they come, and a
# last comparison of all. Steps whose input, configuration and program are as they were find that out and end.
# `slurm/pipeline.sh --help` shows the usage.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

usage() {
  cat <<'TEXT'
usage: slurm/pipeline.sh [input.cfg] [--section.key=value ...]      default: inputs/fashion_mnist.cfg

Submits the jobs and prints their ids, in columns: step, job, what it waits for.

  ingest    into the cache                           --ntasks of INGEST="-n 2"
  train     one task for each of --run.models        options of TRAIN="-n 1", e.g. "-N 4 --ntasks-per-node=1"
  serve     from the first finished variant on       options of SERVE="-n 1"; NONE=1 leaves the service out
  compare   when all have ended, in whatever way     writes RUN/comparison.json

The site's partition, account and modules are in slurm/site.conf. The service's address is in the output of its job.
TEXT
}

fail() {
  local code=$1
  shift
  echo "podium: error: $*" >&2
  exit "$code"
}

case ${1:-} in
  -h | --help)
    usage
    exit 0
    ;;
esac
input=inputs/fashion_mnist.cfg
if [[ ${1:-} == *.cfg ]]; then
  input=$1
  shift
fi
for tool in sbatch squeue scontrol; do
  command -v "$tool" >/dev/null ||
    fail 69 "there is no Slurm here (no $tool); ./scripts/run.sh $input does the same in one job, and" \
      "scripts/virtual_cluster.sh makes a cluster to try this on"
done
# shellcheck source=slurm/site.conf
source slurm/site.conf
podium=${PODIUM:-build/release/podium}
[ -x "$podium" ] || fail 69 "$podium is not built; run ./scripts/test.sh or cmake --build --preset release"

# All that could be wrong with the configuration is wrong here, not in four jobs.
config=$("$podium" run "$input" "$@" --print-config) || exit $?
of_run() { sed -n "/^\[run\]/,/^\[/s/^$1 = //p" <<<"$config"; }
IFS=, read -ra models <<<"$(of_run models)"
folder=$(of_run dir)
folder=${folder:-runs/$(basename "$input" .cfg)}
mkdir -p "$folder" || fail 74 "cannot make the run folder $folder"

# submit STEP OPTIONS... : the job's id.
submit() {
  local step=$1 job
  shift
  job=$(sbatch --parsable --output="$folder/slurm-$step-%j.out" "$@") ||
    fail 69 "sbatch takes no job for '$step'; its message is above (partition and account: slurm/site.conf)"
  echo "${job%%;*}"
}
tell() { printf '%-8s %-12s %s\n' "$@"; }

name=podium-serve-$(realpath "$folder" | cksum | cut -d' ' -f1)
read -ra ingest_options <<<"${INGEST:--n 2}"
read -ra train_options <<<"${TRAIN:--n 1}"
read -ra serve_options <<<"${SERVE:--n 1}"

ingest=$(submit ingest "${ingest_options[@]}" slurm/ingest.sbatch "$input" "$@")
tell ingest "$ingest" ""
train=$(submit train --array="0-$((${#models[@]} - 1))" --output="$folder/slurm-train-%A_%a.out" --dependency="afterok:$ingest" --kill-on-invalid-dep=yes \
  "${train_options[@]}" slurm/train.sbatch "$input" "$@")
tell train "$train" "after $ingest: ${models[*]}"
any=
for task in "${!models[@]}"; do any+=${any:+?}afterok:${train}_$task; done
if [ -z "${NONE:-}" ]; then
  serving=$(squeue --noheader --me --name="$name" --format=%i | head -n 1)
  if [ -n "$serving" ]; then
    tell serve "$serving" "is there already, and takes what is better"
  else
    serve=$(submit serve --job-name="$name" --dependency="$any" --kill-on-invalid-dep=yes "${serve_options[@]}" \
      slurm/serve.sbatch "$input" "$@")
    tell serve "$serve" "after the first of $train"
  fi
fi
compare=$(submit compare -n 1 --job-name=podium-compare --dependency="afterany:$train" slurm/compare.sbatch "$input" "$@")
tell compare "$compare" "after all of $train"
