#!/usr/bin/env bash
# The pipeline as jobs of a real Slurm on a virtual cluster: the first model serves while others train, a second
# pipeline does no step again, and jobs that are warned, lose their node or are cancelled come to the end that the
# job scripts promise. Skipped where no cluster can stand.
set -euo pipefail
# shellcheck source=tests/scripts/expect.sh
source "$(dirname "$0")/expect.sh"
scratch=$(mktemp -d)
# shellcheck source=tests/scripts/on_cluster.sh
source "$(dirname "$0")/on_cluster.sh"
trap '"$cluster" down || true; rm -rf "$scratch"' EXIT
cd "$project"

mkdir "$scratch/bare"
ln -s "$(command -v bash)" "$(command -v dirname)" "$(command -v cat)" "$scratch/bare"
expect 69 './scripts/run.sh inputs/fashion_mnist.cfg does the same' env PATH="$scratch/bare" slurm/pipeline.sh
expect 0 'usage: slurm/pipeline.sh' slurm/pipeline.sh --help

up 3

run=$scratch/run
options=(inputs/fashion_mnist-ci.cfg --run.dir="$run" --io.cache_dir="$scratch/cache")

# submit OPTIONS...: the pipeline; its table is in $table.
submit() { table=$(slurm/pipeline.sh "${options[@]}" "$@"); }

expect 69 'invalid partition specified: nowhere' env SBATCH_PARTITION=nowhere slurm/pipeline.sh "${options[@]}"
expect 2 'unknown key' slurm/pipeline.sh "${options[@]}" --train.epoch=3

# 1. All of it.
submit
await 60 'all variants and their comparison' ended "$(job compare)"
expect 0 '"missing": []' cat "$run/comparison.json"
serve=$(job serve)
await 30 'the service answers' holds 'serving on http' "$run/slurm-serve-$serve.out"

# 2. The same again: nothing is done twice, and the service that is there goes on.
submit
expect 0 "serve    $serve" echo "$table"
await 60 'a comparison without new work' ended "$(job compare)"
for task in 0 1 2; do
  expect 0 'is reused: recipe, data and program are the same' cat "$run/slurm-train-$(job train)_$task.out"
done

# A variant that takes a while.
long() { sbatch --parsable --output="$run/slurm-long-%j.out" slurm/train.sbatch "${options[@]}" \
  --train.model=resnet --model.resnet.epochs="$1"; }
epochs() { [ "$(grep -c '"event":"epoch","model":"resnet"' "$run/metrics.jsonl")" -ge "$1" ]; }
seen() { grep -c '"event":"epoch","model":"resnet"' "$run/metrics.jsonl"; }

# 3. Slurm's warning: saved, queued again, and on from there to the same end.
warned=$(long 12)
await 60 'epochs before the warning' epochs $(($(seen) + 2))
scancel --signal=USR1 --batch "$warned"
await 120 'the end of a job that was warned' holds '"verb":"select"' "$run/slurm-long-$warned.out"
expect 0 'goes on in its next turn' cat "$run/slurm-long-$warned.out"
expect 0 '"epochs":12' cat "$run/slurm-long-$warned.out"

# 4. A node dies under a job: the same job goes on elsewhere.
lost=$(long 14)
await 60 'epochs before the death' epochs $(($(seen) + 2))
node=$(squeue --noheader --jobs="$lost" --format=%N)
"$cluster" kill "$node"
await 120 'the end of a job that lost its node' holds '"verb":"select"' "$run/slurm-long-$lost.out"
expect 0 '"epochs":14' cat "$run/slurm-long-$lost.out"
"$cluster" revive "$node"

# 5. A variant that is cancelled does not hold up the others, does not come back, and is named.
first=$run run=$scratch/second
options=(inputs/fashion_mnist-ci.cfg --run.dir="$run" --io.cache_dir="$scratch/cache")
submit --model.resnet.epochs=500
await 60 'the variant that will be cancelled' holds 'model .resnet.' "$run/slurm-train-$(job train)_2.out"
scancel "$(job train)_2"
await 90 'the comparison of those that are left' ended "$(job compare)"
expect 0 '"resnet"' sed -n '/"missing"/,$p' "$run/comparison.json"
expect 0 'left: none' echo "left: $(squeue --noheader --jobs="$(job train)" --states=pending,running | grep . || echo none)"
submit --model.resnet.epochs=3
await 90 'all variants, submitted again' ended "$(job compare)"
expect 0 '"missing": []' cat "$run/comparison.json"

scancel "$serve" "$(job serve)"
await 30 'the end of the service' holds '"verb":"serve"' "$first/slurm-serve-$serve.out"

# 6. What ranks start on one node is reached from the others.
several() { timeout 200 srun --mpi=pmix -N2 -n2 "$PODIUM" "$@" --io.cache_dir="$scratch/cache"; }
expect 0 '"verb":"train"' several train inputs/fashion_mnist-ci.cfg --run.dir="$scratch/ps" --train.model=dense --train.sync=ps
expect 0 '"verb":"train"' several train inputs/fashion_mnist-ci.cfg --run.dir="$scratch/crew" --train.model=dense \
  --train.sync=ps --ps.consistency=asp --ps.trainers=1
expect 0 '"verb":"search"' several search inputs/search-ci.cfg --run.dir="$scratch/search"
expect 0 '"verb":"learn"' several learn inputs/cartpole-ci.cfg --run.dir="$scratch/learn" --roles=explorer=2,train=2

exit "$failures"
