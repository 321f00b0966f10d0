#!/usr/bin/env bash
# What goes wrong on clusters, on a real Slurm: asking for more than there is, no PMIx, a full file system, ranks that
# are killed, jobs that end without a word, a model file with flipped bits, two pipelines at once. Each is named, and
# submitting again recovers. Skipped where no cluster can stand.
set -euo pipefail
# shellcheck source=tests/scripts/expect.sh
source "$(dirname "$0")/expect.sh"
scratch=$(mktemp -d)
# shellcheck source=tests/scripts/on_cluster.sh
source "$(dirname "$0")/on_cluster.sh"
small=$scratch/small
# shellcheck disable=SC2317  # it is called by the trap
clean_up() {
  "$cluster" down || true
  if mountpoint -q "$small"; then umount "$small"; fi
  rm -rf "$scratch"
}
trap clean_up EXIT
cd "$project"

# The run folder of one part is a file system of its own, with room for little. Nodes see it as it is when they start.
mkdir "$small"
mount -t tmpfs -o size=400k tmpfs "$small" 2>/dev/null || { echo "SKIPPED: nothing can be mounted here" && exit 77; }

# A name with all that shells and Slurm might take amiss.
run="$scratch/it's a \"run\" 100%"
options=(inputs/fashion_mnist-ci.cfg --io.cache_dir="$scratch/cache")
submit() { table=$(env SERVE=none slurm/pipeline.sh "${options[@]}" --run.dir="$run"); }
train() { sbatch --parsable --output="${run//%/%%}/slurm-alone-%j.out" "$@"; }
log_of() { echo "$run/slurm-alone-$1.out"; }

up 2

# 1. More than there is, in whichever step: named, and nothing is queued.
expect 69 "Slurm takes no job for 'train'" env TRAIN="-N 5" slurm/pipeline.sh "${options[@]}" --run.dir="$run"
expect 69 "Slurm takes no job for 'serve'" env SERVE="-n 99" slurm/pipeline.sh "${options[@]}" --run.dir="$run"
expect 69 "unrecognized option" env TRAIN="--no-such" slurm/pipeline.sh "${options[@]}" --run.dir="$run"
expect 2 "by --run.models" env TRAIN="--array=1" slurm/pipeline.sh "${options[@]}" --run.dir="$run"
expect 0 'left: none' echo "left: $(squeue --noheader | grep . || echo none)"

# 2. A second pipeline in the same folder waits for the first, and reuses what that has trained.
submit
first=$(job train)
submit
expect 0 "and after $first" echo "$table"
await 60 'two pipelines in one folder' ended "$(job compare)"
expect 0 '"missing": []' cat "$run/comparison.json"
for task in 0 1 2; do expect 0 'is reused' cat "$run/slurm-train-$(job train)_$task.out"; done

# 3. Bits of a model flip: it is trained again, and takes the place of the damaged version.
selected=$(sed -n 's/.*"selected": "\(.*\)",/\1/p' "$run/comparison.json")
file=$run/registry/candidates/$selected.h5
printf 'flipped' | dd of="$file" bs=1 seek=$(($(stat -c %s "$file") / 2)) conv=notrunc status=none
echo '{"step":"trai' >>"$run/memo.jsonl"
submit
await 60 'a pipeline with a damaged model' ended "$(job compare)"
expect 0 'is trained: what was trained before cannot be read' cat "$run/slurm-train-$(job train)_"*.out
expect 0 'is damaged' cat "$run/slurm-train-$(job train)_"*.out
expect 0 'last: done' echo "last: $("$PODIUM" inspect memo "$run" | awk -v model="$selected" '$1 == "train" && $2 == model { print $3 }')"

# 4. The ranks of a job are killed: it is queued again and goes on.
killed=$(train slurm/train.sbatch "${options[@]}" --run.dir="$run" --train.model=resnet --model.resnet.epochs=40)
# shellcheck disable=SC2317  # `await` calls it
epochs() { [ "$(grep -c '  loss ' "$(log_of "$1")")" -ge "$2" ]; }
await 60 'epochs before the kill' epochs "$killed" 3
for process in /proc/[0-9]*; do
  if [ "$(cat "$process/comm" 2>/dev/null)" = podium ] && grep -qz "^SLURM_JOB_ID=$killed\$" "$process/environ" 2>/dev/null; then
    kill -KILL "${process#/proc/}" || true
  fi
done
await 90 'the end of a job whose ranks were killed' holds '"verb":"select"' "$(log_of "$killed")"
expect 0 'goes on after epoch' cat "$(log_of "$killed")"
expect 0 '"epochs":40' cat "$(log_of "$killed")"

# 5. A job that ends without a word, as at a time limit: submitting it again goes on.
silent=$(train slurm/train.sbatch "${options[@]}" --run.dir="$run" --train.model=resnet --model.resnet.epochs=41)
await 60 'epochs before the end' epochs "$silent" 3
scancel --full --signal=KILL "$silent"
await 30 'the end of a job without a word' ended "$silent"
again=$(train slurm/train.sbatch "${options[@]}" --run.dir="$run" --train.model=resnet --model.resnet.epochs=41)
await 90 'the end of a job submitted again' holds '"verb":"select"' "$(log_of "$again")"
expect 0 'goes on after epoch' cat "$(log_of "$again")"

# 6. A node that came back has files of the job's last turn: srun starts nothing, and ends with 0.
crashed=$(train --hold slurm/train.sbatch "${options[@]}" --run.dir="$run" --train.model=dense --model.dense.epochs=3)
touch "$PODIUM_CLUSTER"/node{1,2}/spool/stepd.slurm.pmix."$crashed".0
scontrol release "$crashed"
await 60 'the end of a job that was not started at first' holds '"verb":"select"' "$(log_of "$crashed")"
expect 0 'did not start the step in its turn 1' cat "$(log_of "$crashed")"
expect 0 '"verb":"train"' cat "$(log_of "$crashed")"

# 7. The shared file system is full.
full=$run run=$small/run
submit
await 60 'a pipeline without room' ended "$(job compare)"
expect 0 'Comment=podium ended with 74: a file could not be read or written' scontrol show job "$(job train)"
mount -o remount,size=50m "$small"
submit
await 60 'a pipeline with room again' ended "$(job compare)"
expect 0 '"missing": []' cat "$run/comparison.json"
head -c 60m /dev/zero >"$small/filler" 2>/dev/null || true
expect 74 'cannot write in the run folder' slurm/pipeline.sh "${options[@]}" --run.dir="$run"
run=$full
"$cluster" down

# 8. No PMIx: mpirun is the way out, and is taken by itself.
up 2 --pmix=no
rm -rf "$run"
env SERVE=none TRAIN="-N 2 --ntasks-per-node=1" PODIUM_LAUNCHER=srun slurm/pipeline.sh "${options[@]}" \
  --run.dir="$run" --run.models=dense >"$scratch/table"
table=$(<"$scratch/table")
await 60 'a pipeline by srun without PMIx' ended "$(job compare)"
expect 0 'srun knows no PMIx here' cat "$run/slurm-ingest-$(job ingest).out"
table=$(env SERVE=none TRAIN="-N 2 --ntasks-per-node=1" slurm/pipeline.sh "${options[@]}" --run.dir="$run" --run.models=dense)
await 60 'a pipeline by mpirun' ended "$(job compare)"
expect 0 '"ranks":2' cat "$run/slurm-train-$(job train)_0.out"

exit "$failures"
