# shellcheck shell=bash
# The sections of gpu_check.sh, one function each. To be sourced.
#
# A section runs its commands by limited(), which keeps them within its time, and ends with
# say_outcome. It goes by what gpu_check.sh has set: podium, mpirun, with, tests, home, data, log,
# scratch, section, section_end; the data by podium's environment.
# shellcheck disable=SC2154  # those
# shellcheck disable=SC2034  # outcome and note are read there

# --- Running within limits -----------------------------------------------------------------------

seconds_left() { echo $((section_end > SECONDS ? section_end - SECONDS : 0)); }

# limited COMMAND...: within what is left of the section; output goes to the log, that of stdout also
# to $scratch/out. Returns the command's status, 124 when it ran past the limit.
limited() {
  local left status=0
  left=$(seconds_left)
  printf '\n$ %s\n' "$*" >>"$log"
  if [ "$left" -lt 1 ]; then return 124; fi
  timeout --kill-after=5 "$left" "$@" </dev/null >"$scratch/out" 2>>"$log" || status=$?
  cat "$scratch/out" >>"$log"
  if [ "$status" = 137 ]; then status=124; fi
  if [ "$status" != 0 ]; then echo "[exit code $status]" >>"$log"; fi
  return "$status"
}

# A result line of what ran last, kept under NAME for the report.
keep_result() {
  sed -n 's/^PODIUM_RESULT //p' "$scratch/out" | tail -n 1 >"$scratch/results/$section.$1"
}

# The first number of KEY in the result line of what ran last.
result_value() {
  sed -n 's/^PODIUM_RESULT .*"'"$1"'":\([-+0-9.eE]*\).*/\1/p' "$scratch/out" | tail -n 1
}

# Says that WHAT failed or took too long, by the status of the command just before: failed_by WHAT.
failed_by() {
  if [ $? = 124 ]; then
    say_outcome failed "$1 ran past the time"
  else
    say_outcome failed "$1 failed; see gpu_check.log"
  fi
}

say_outcome() {
  outcome=$1
  shift
  note=$*
}

# podium_result NAME VERB ARGUMENT...: runs podium and keeps its result.
podium_result() {
  local name=$1
  shift
  limited "$podium" "$@" "--io.cache_dir=$scratch/cache" --log.level=warning || return
  keep_result "$name"
}

# --- Sections ------------------------------------------------------------------------------------

gpu_test_files() {
  local file
  for file in $(find "$tests" -name 'test_*' -type f -perm -u+x | sort); do
    # shellcheck disable=SC2016  # expanded by the shell that is started
    if "${with[@]}" "$BASH" -c 'source "$0" && has_gpu_tests "$1"' "$root/scripts/gpu_tests.sh" \
      "$file"; then
      echo "$file"
    fi
  done
}

# The number in GoogleTest's summary line of one kind: PASSED, SKIPPED, FAILED.
gtest_count() {
  sed -n 's/^\[ *'"$1"' *\] \([0-9]*\) test.*/\1/p' "$scratch/out" | tail -n 1
}

section_tests() {
  local file status passed=0 skipped=0 failed=0 bad=()
  for file in $(gpu_test_files); do
    status=0
    limited "${with[@]}" "$file" --gtest_filter="$(gpu_filter)" || status=$?
    passed=$((passed + $(gtest_count PASSED || true) + 0))
    skipped=$((skipped + $(gtest_count SKIPPED || true) + 0))
    failed=$((failed + $(gtest_count FAILED || true) + 0))
    if grep -q 'no GPU: ' "$scratch/out"; then
      bad+=("${file##*/} finds no GPU")
    elif [ "$status" = 124 ]; then
      bad+=("${file##*/} ran past the limit")
    elif [ "$status" != 0 ]; then
      bad+=("${file##*/} ($status)")
    fi
  done
  note="$passed passed, $skipped skipped, $failed failed"
  if [ ${#bad[@]} != 0 ]; then
    say_outcome failed "$note: $(join "${bad[@]}")"
  elif [ "$passed" = 0 ]; then
    say_outcome failed "no GPU test ran: $note"
  else
    say_outcome passed "$note"
  fi
}

section_sanitizer() {
  local file status errors checker
  if ! checker=$(command -v compute-sanitizer || command -v /usr/local/cuda/bin/compute-sanitizer); then
    say_outcome skipped "compute-sanitizer is not here"
    return
  fi
  note=
  for file in $(gpu_test_files); do
    if [ "$(seconds_left)" -lt 5 ]; then break; fi
    if [[ ${file##*/} == *nccl* ]]; then continue; fi  # minutes, for kernels that are not ours
    status=0
    limited "${with[@]}" "$checker" --tool memcheck --error-exitcode 9 \
      --report-api-errors no "$file" --gtest_filter="$(gpu_filter)" || status=$?
    if grep -q 'Device not supported' "$scratch/out"; then
      say_outcome skipped "compute-sanitizer does not support this device"
      return
    fi
    errors=$(grep -c '^========= \(Invalid\|Uninit\|Misaligned\)' "$scratch/out") || true
    if [ "$status" = 9 ] || { [ "$status" != 0 ] && [ "$status" != 124 ]; } ||
      [ "$errors" != 0 ]; then
      say_outcome failed "${file##*/}: $errors errors, exit code $status; see gpu_check.log"
      return
    fi
    note+="${note:+, }${file##*/}$([ "$status" = 0 ] || echo ' (cut short)')"
  done
  say_outcome passed "memcheck found nothing in ${note:-nothing}"
}

# agrees A B: whether two accuracies differ by at most 2 points.
agrees() { awk -v a="$1" -v b="$2" 'BEGIN { d = a - b; exit !(d * d <= 0.02 * 0.02) }'; }

# train_on NAME ARGUMENT...: one epoch of $model; sets `accuracy`.
train_on() {
  podium_result "$1" train "$home/inputs/fashion_mnist.cfg" "--train.model=$model" \
    "--model.$model.epochs=1" --train.rounding=exact --ckpt.every=never \
    "--run.dir=$scratch/run-$1" "${@:2}" || return
  accuracy=$(result_value val_accuracy)
}

section_agreement() {
  local model accuracy cpu told=()
  for model in dense cnn resnet; do
    train_on "$model-cuda" --device=cuda || { failed_by "$model on the GPU" && return; }
    told+=("$model $accuracy")
    if ! { cpu=$accuracy && train_on "$model-cpu" --device=cpu; }; then break; fi
    told[-1]+=" against $accuracy by the CPU"
    if ! agrees "$cpu" "$accuracy"; then
      say_outcome failed "${told[-1]}: more than 2 points apart"
      return
    fi
  done
  say_outcome passed "validation accuracy after one epoch in fp32: $(join "${told[@]}")"
}

# Whole recipes of the input file on the GPU, in each kind of arithmetic.
section_train() {
  local model kind told=()
  for model in cnn resnet dense; do
    for kind in fast exact bf16 fused; do
      if [ "$model" = dense ] && [ "$kind" = fused ]; then continue; fi  # it has no convolution
      train_as "$model-$kind" "$model" "$kind" || { failed_by "$model in $kind" && return; }
      told+=("$model $kind $(printf '%.0f' "$(result_value images_per_s)")")
    done
  done
  say_outcome passed "images/s: $(join "${told[@]}")"
}

# train_as NAME MODEL fast|exact|bf16|fused
train_as() {
  local flags=("--train.rounding=$3")
  case $3 in
    bf16) flags=(--train.precision=bf16) ;;
    fused) flags=(--train.precision=bf16 --train.fused_norm) ;;
  esac
  podium_result "$1" train "$home/inputs/fashion_mnist.cfg" "--train.model=$2" --device=cuda \
    --ckpt.every=never "--run.dir=$scratch/run-$1" "${flags[@]}"
}

# Model and validation accuracy whose times are told.
accuracy_targets='dense 0.915
cnn 0.945
resnet 0.955'
accuracy_seeds=10

# reach MODEL TARGET SEED: trains until the target is reached or the recipe ends, and adds a line to
# $scratch/reached: model, and the seconds that it took or nothing.
reach() {
  podium_result "$1-$3" train "$home/inputs/fashion_mnist-accurate.cfg" "--train.model=$1" \
    "--train.target_accuracy=$2" "--train.seed=$3" --device=cuda --ckpt.every=never \
    "--run.dir=$scratch/run-$1-$3" || return
  echo "$1 $(result_value time_to_accuracy_s)" >>"$scratch/reached"
  rm -rf "$scratch/run-$1-$3"
}

# tell_reached MODEL TARGET: how many seeds came there, and the mean of their seconds.
tell_reached() {
  awk -v model="$1" -v target="$2" '$1 == model { n++; if ($2 != "") { hits++; sum += $2 } }
    END { if (n) printf "%s to %s: %d of %d seeds%s", model, target, hits, n,
          hits ? sprintf(", mean %.2f s", sum / hits) : "" }' "$scratch/reached"
}

# Seed by seed, so that what the time does not suffice for is missing of all models alike.
section_accuracy() {
  local seed model target line told=()
  : >"$scratch/reached"
  for seed in $(seq "$accuracy_seeds"); do
    while read -r model target; do
      if [ "$(seconds_left)" -lt 5 ]; then break 2; fi
      reach "$model" "$target" "$seed" && continue
      if [ $? = 124 ]; then break 2; fi
      say_outcome failed "$model with seed $seed failed; see gpu_check.log"
      return
    done <<<"$accuracy_targets"
  done
  while read -r model target; do
    line=$(tell_reached "$model" "$target")
    if [ -n "$line" ]; then told+=("$line"); fi
  done <<<"$accuracy_targets"
  if [ ${#told[@]} = 0 ]; then
    say_outcome skipped "the time was short: no run came to its end"
  else
    say_outcome passed "$(join "${told[@]}")"
  fi
}

join() {
  local text=$1
  shift
  if [ $# -gt 0 ]; then text+=$(printf ', %s' "$@"); fi
  echo "$text"
}

# Two ranks on one GPU, which NCCL takes for two machines: NCCL_HOSTID says so.
on_two_hosts() {
  limited "$mpirun" -n 1 -x NCCL_HOSTID=first "$@" : -n 1 -x NCCL_HOSTID=second "$@"
}

# One epoch of $model by two ranks that exchange gradients by $1, nccl or ring; sets `accuracy`. Large
# batches: two processes take turns on a GPU, so that an exchange between them is slow.
train_pair() {
  local command=("$podium" train "$home/inputs/fashion_mnist.cfg" "--train.model=$model"
    "--model.$model.epochs=1" "--model.$model.batch=512" --train.rounding=exact
    --ckpt.every=never --device=cuda "--comm.allreduce=$1" "--run.dir=$scratch/run-$1"
    "--io.cache_dir=$scratch/cache")
  case $1 in
    nccl) on_two_hosts "${command[@]}" ;;
    ring) limited "$mpirun" -n 2 "${command[@]}" ;;
  esac || return
  keep_result "$1"
  accuracy=$(result_value val_accuracy)
}

# Batch norm sees half of a batch on each of two ranks, so they learn a little otherwise than one; but
# alike by whatever way their gradients go.
section_nccl() {
  local file model=cnn accuracy by_nccl told
  for file in $(gpu_test_files); do
    if [[ ${file##*/} != *nccl* ]]; then continue; fi
    on_two_hosts "${with[@]}" "$file" || { failed_by "${file##*/} on two ranks" && return; }
  done
  train_pair nccl || { failed_by "two ranks over NCCL" && return; }
  by_nccl=$accuracy
  train_pair ring || { failed_by "two ranks over the ring" && return; }
  told="validation accuracy by two ranks over NCCL $by_nccl, over the ring $accuracy"
  agrees "$by_nccl" "$accuracy" || { say_outcome failed "$told" && return; }
  if train_on alone --device=cuda "--model.$model.batch=512"; then told+=", by one $accuracy"; fi
  say_outcome passed "$told"
}

# Beside the limits of products and of memory, each in its numbers.
section_bench_nn() {
  local bench=(bench nn "$home/inputs/fashion_mnist.cfg" --device=cuda --bench.batches=128,512
    --bench.repetitions=3 --bench.seconds=0.4)
  podium_result bf16 "${bench[@]}" --train.precision=bf16 --bench.predict_batches=none ||
    { failed_by "bench nn in bf16" && return; }
  podium_result all "${bench[@]}" --bench.predict_batches=1,256,1024 ||
    { failed_by "bench nn" && return; }
  say_outcome passed ""
}

# update_by_two SIZE: weights of so much to two inference processes, by two ranks. Large buckets:
# each costs a few waits for the GPU.
update_by_two() {
  limited "$mpirun" -n 2 "$podium" bench ckpt --pods=1 --devices=2 "--size=$1" --device=cuda \
    --engine.bucket=128MiB --bench.repetitions=3 "--run.dir=$scratch/run-ckpt" || return
  keep_result "$1"
}

# The share of the copy from pinned memory, in the same run. With little memory a smaller model.
section_ckpt() {
  local size=16GB share
  update_by_two $size || { size=2GB && update_by_two $size; } ||
    { failed_by "the update of two processes" && return; }
  if [ -z "$(result_value pinned_h2d_bytes_per_s)" ]; then
    say_outcome failed "the weights did not go by the GPU; see gpu_check.log"
    return
  fi
  share=$(grep '^PODIUM_RESULT' "$scratch/out" | grep -o '"share_of_limit":[0-9.e-]*' | cut -d: -f2 |
    sort -g | tail -n 1)
  say_outcome passed "$size to two processes at $share of the pinned copy's speed"
}

section_pytorch() {
  local part told=()
  if ! python3 -c 'import torch, h5py; assert torch.cuda.is_available()' 2>/dev/null; then
    say_outcome skipped "python3 has no PyTorch with CUDA, or no h5py"
    return
  fi
  for part in train predict; do  # each by itself: what is cut short has no figures
    limited python3 "$home/bench/train_vs_pytorch.py" "$home/inputs/fashion_mnist.cfg" --quick \
      --device=cuda "--parts=$part" --models=cnn,resnet "--podium=$podium" \
      "--python=$(command -v python3)" || { failed_by "the comparison in $part" && break; }
    keep_result "$part"
    told+=("$part")
  done
  if [ ${#told[@]} != 0 ]; then say_outcome passed "compared: ${told[*]}"; fi
}

# A published model to predict with.
publish_model() {
  if [ -d "$scratch/published/registry" ]; then return; fi
  podium_result train train "$home/inputs/fashion_mnist.cfg" --train.model=cnn \
    --model.cnn.epochs=1 --device=cuda "--run.dir=$scratch/published" &&
    podium_result select select "$home/inputs/fashion_mnist.cfg" "--run.dir=$scratch/published"
}

section_predict() {
  local device told=()
  publish_model || { failed_by "the model to predict with" && return; }
  for device in cuda cpu; do
    podium_result "$device" predict "$home/inputs/fashion_mnist.cfg" "--device=$device" \
      "--run.dir=$scratch/published" "--output=$scratch/predictions.h5" ||
      { failed_by "predicting on $device" && return; }
    told+=("$(printf '%.0f' "$(result_value images_per_s)") images/s on $device")
  done
  say_outcome passed "$(join "${told[@]}")"
}

section_serve() {
  limited "$mpirun" -n 1 "$podium" run "$home/inputs/fashion_mnist.cfg" --run.models=cnn \
    --model.cnn.epochs=1 --device=cuda "--run.dir=$scratch/served" \
    "--io.cache_dir=$scratch/cache" --serve.port=0 || { failed_by "the job" && return; }
  keep_result all
  say_outcome passed "the job's own requests for its test images"
}
