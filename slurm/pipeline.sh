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

Submits the jobs and prints their ids, in columns: step, job, what it waits for. Nothing is submitted if Slurm would
never run one of them.

  ingest    the data into the cache
  train     one task for each of --run.models
  serve     from the first finished variant on
  compare   when all have ended, in whatever way; writes RUN/comparison.json

What jobs ask Slurm for is set in the environment, as options of sbatch:

  INGEST    -n 2 unless set
  TRAIN     of each variant; -n 1 unless set, else for instance "-N 4 --ntasks-per-node=1 --cpus-per-task=32"
  SERVE     -n 1 unless set; SERVE=none leaves the service out

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
for tool in sbatch squeue scontrol scancel; do
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
{ mkdir -p "$folder" && head -c 65536 /dev/zero >"$folder/slurm-probe"; } 2>/dev/null || {
  rm -f "$folder/slurm-probe"
  fail 74 "cannot write in the run folder $folder: make room there, or name another by --run.dir"
}
rm -f "$folder/slurm-probe"

read -ra ingest_options <<<"${INGEST:--n 2}"
read -ra train_options <<<"${TRAIN:--n 1}"
read -ra serve_options <<<"${SERVE:--n 1}"
for option in "${train_options[@]}"; do
  [[ $option != --array* && $option != -a* ]] ||
    fail 2 "TRAIN has $option; say by --run.models=NAME,... which variants are trained"
done

# Slurm keeps jobs that it can never start, without a word; asked beforehand, it says so.
could_run() {
  local step=$1 answer
  shift
  answer=$(sbatch --test-only "$@" 2>&1) || [[ $answer == *"are busy"* ]] ||
    fail 69 "Slurm takes no job for '$step' ($*): $(paste -sd';' <<<"$answer"). Nothing was submitted; ask for less by" \
      "${step^^}, or see partition and account in slurm/site.conf (sinfo shows what there is)"
}
could_run ingest "${ingest_options[@]}" slurm/ingest.sbatch
could_run train "${train_options[@]}" slurm/train.sbatch
[ "${SERVE:-}" = none ] || could_run serve "${serve_options[@]}" slurm/serve.sbatch

# submit STEP OUTPUT OPTIONS... : sets $job to the job's id. What was submitted before a refusal is taken back.
submitted=()
submit() {
  local step=$1 output=$2
  shift 2
  # Slurm replaces what follows a percent sign.
  if ! job=$(sbatch --parsable --job-name="$(name_of "$step")" --output="${folder//%/%%}/slurm-$output.out" "$@"); then
    if [ ${#submitted[@]} -gt 0 ]; then scancel "${submitted[@]}"; fi
    fail 69 "sbatch takes no job for '$step'; its message is above. Nothing stays submitted"
  fi
  job=${job%%;*}
  submitted+=("$job")
}
tell() { printf '%-8s %-12s %s\n' "$@"; }

# By their names jobs of one run folder find each other.
folder_number=$(realpath "$folder" | cksum | cut -d' ' -f1)
name_of() { echo "podium-$1-$folder_number"; }
queued() { squeue --noheader --me --name="$(name_of "$1")" --format=%A | sort -un; }

before=$(queued train | paste -sd:)
submit ingest ingest-%j "${ingest_options[@]}" slurm/ingest.sbatch "$input" "$@"
ingest=$job
submit train train-%A_%a --array="0-$((${#models[@]} - 1))" --kill-on-invalid-dep=yes \
  --dependency="afterok:$ingest${before:+,afterany:$before}" "${train_options[@]}" slurm/train.sbatch "$input" "$@"
train=$job
any=
for task in "${!models[@]}"; do any+=${any:+?}afterok:${train}_$task; done
serve=
serving=$(queued serve | head -n 1)
if [ "${SERVE:-}" != none ] && [ -z "$serving" ]; then
  submit serve serve-%j --dependency="$any" --kill-on-invalid-dep=yes "${serve_options[@]}" slurm/serve.sbatch "$input" "$@"
  serve=$job
fi
submit compare compare-%j -n 1 --dependency="afterany:$train" slurm/compare.sbatch "$input" "$@"

tell ingest "$ingest" ""
tell train "$train" "after $ingest${before:+, and after $before, which trains in this folder}: ${models[*]}"
if [ -n "$serve" ]; then tell serve "$serve" "after the first of $train"; fi
if [ -n "$serving" ]; then tell serve "$serving" "is there already, and takes what is better"; fi
tell compare "$job" "after all of $train"
