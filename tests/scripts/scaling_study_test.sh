#!/usr/bin/env bash
# scaling_study.sh puts the jobs of several rank counts together; what cannot be studied is told in one line. The
# scripts for Slurm say what they need where there is none.
set -euo pipefail
# shellcheck source=tests/scripts/expect.sh
source "$(dirname "$0")/expect.sh"

study=$project/scripts/scaling_study.sh
export PODIUM=$build/podium
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

expect 2 "is no number of ranks" "$study" --ranks=0
expect 2 "is no number of ranks" "$study" --ranks=1,two
expect 2 "is no number of ranks" "$study" --repetitions=
expect 2 "write strong, weak or both" "$study" --mode=odd
expect 2 "unknown option" "$study" --nodes=3
expect 69 "is not built" env PODIUM=/nowhere/podium "$study"
expect 2 "the job of 3 rank(s) failed" "$study" --ranks=3 --mode=strong --repetitions=1 --out="$scratch/bad" -- \
  "$project/inputs/fashion_mnist-ci.cfg" --io.cache_dir="$scratch/cache" --train.batch=2

expect 0 '"repetitions":2' "$study" --ranks=1,2 --mode=both --repetitions=2 --out="$scratch/out" -- \
  "$project/inputs/fashion_mnist-ci.cfg" --io.cache_dir="$scratch/cache" --run.models=dense --bench.seconds=0.01
expect 0 "8" sh -c "grep -c '^PODIUM_RESULT' '$scratch/out/results.txt'"
for series in dense,strong,1,1,64,2 dense,strong,2,1,64,2 dense,weak,2,1,128,2; do
  expect 0 "measured,$series," cat "$scratch/out/scaling.csv"
done
expect 0 "<svg" cat "$scratch/out/scaling.svg"

expect 69 "this is a job for Slurm" env -u SLURM_JOB_ID SLURM_SUBMIT_DIR="$project" "$project/slurm/scaling.sbatch"
expect 2 "submit from the project's folder" env SLURM_JOB_ID=1 SLURM_SUBMIT_DIR="$scratch" \
  "$project/slurm/scaling.sbatch"
expect 2 "RANKS=1,5: write numbers from 1 to 4" env SLURM_JOB_ID=1 SLURM_NTASKS=4 RANKS=1,5 \
  SLURM_SUBMIT_DIR="$project" PODIUM_LAUNCHER=mpirun "$project/slurm/scaling.sbatch"
exit "$failures"
