#!/usr/bin/env bash
# Checks Podium on a machine with a GPU and measures it there, in one command and a few minutes: every
# GPU test, the memory checker, training on CPU and GPU side by side, and the GPU benchmarks. The most
# valuable comes first; what the time does not suffice for is skipped and said to be.
# `scripts/gpu_check.sh --help` shows the usage.
set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
# shellcheck source=scripts/gpu_tests.sh
source "$root/scripts/gpu_tests.sh"
# shellcheck source=scripts/gpu_sections.sh
source "$root/scripts/gpu_sections.sh"

usage() {
  cat <<'TEXT'
usage: ./scripts/gpu_check.sh [options]

  --bundle DIR|FILE  checks a bundle of scripts/make_bundle.sh, unpacked or packed
  --build DIR        checks this build as it is; without either, build/release is brought up to date.
                     (The script of a bundle checks that bundle.)
  --output DIR       where gpu_check.json, gpu_check.md and gpu_check.log go; default build/gpu_check
  --minutes N        for all of it but the building; default 8
  --only NAMES       only these sections, by commas

sections: tests sanitizer agreement train nccl bench_nn ckpt pytorch predict serve accuracy
          (all 10 seeds of accuracy take longer than the rest: --only accuracy --minutes 60)

exit codes: 0 nothing failed, 1 something did, 2 usage, 69 there is no GPU, or something else needed
is absent
TEXT
}

# name, seconds at most, seconds without which it is not begun
sections='
tests      120 5
sanitizer   50 10
agreement   60 10
train       60 10
nccl        50 10
bench_nn    60 15
ckpt        60 20
pytorch     75 30
predict     30 10
serve       30 10
accuracy  3600 10'

# --- The machine ---------------------------------------------------------------------------------

find_nvidia_smi() {
  local place
  for place in nvidia-smi /usr/bin/nvidia-smi /usr/local/nvidia/bin/nvidia-smi \
    /usr/lib/wsl/lib/nvidia-smi; do
    if command -v "$place"; then return 0; fi
  done
  return 1
}

# One clause; nothing when there is a GPU.
why_no_gpu() {
  local answer smi
  case ${CUDA_VISIBLE_DEVICES-unset} in
    '' | -* | NoDevFiles)
      echo "CUDA_VISIBLE_DEVICES hides all of them"
      return
      ;;
  esac
  if ! smi=$(find_nvidia_smi); then
    if [ -e /dev/nvidiactl ] || [ -e /proc/driver/nvidia/version ]; then return; fi
    echo "no NVIDIA driver is installed"
    return
  fi
  answer=$(timeout 60 "$smi" -L 2>&1 | head -n 1) || true
  if [[ $answer != GPU* ]]; then echo "nvidia-smi says: ${answer:-nothing}"; fi
}

# One line per GPU: name, driver, memory.
describe_gpus() {
  local smi
  smi=$(find_nvidia_smi) || return 0
  timeout 60 "$smi" --query-gpu=name,driver_version,memory.total --format=csv,noheader || true
}

# --- What is checked -----------------------------------------------------------------------------

# Sets `podium`, `mpirun`, `with` (starts other programs), `tests` and `home` (inputs, bench, data).
take_bundle() {
  home=$1
  if [ -f "$1" ]; then
    mkdir "$scratch/bundle"
    tar -C "$scratch/bundle" -xf "$1" || fail 69 "$1 is no archive that can be unpacked here"
    home=$scratch/bundle/podium-bundle
  fi
  [ -x "$home/with" ] || fail 2 "$1 is no bundle of scripts/make_bundle.sh"
  podium=$home/podium mpirun=$home/mpirun tests=$home/tests
  with=("$home/with")
}

take_build() {
  [ -x "$build/podium" ] || fail 69 "$build has no podium; build it, for instance by ./scripts/run.sh"
  home=$root podium=$build/podium mpirun=$root/scripts/mpirun.sh tests=$build/tests
  with=()
}

take_what_is_asked() {
  if [ -z "$bundle" ] && [ -e "$root/environment.sh" ]; then bundle=$root; fi
  if [ -n "$bundle" ]; then
    take_bundle "$bundle"
  else
    if [ "$builds" = 1 ]; then
      set_up build data test
      build_targets all
    fi
    take_build
  fi
  timeout 60 "$podium" --version >"$scratch/version" 2>>"$log" ||
    fail 69 "$podium does not start: $(tail -n 1 "$log")"
}

# Sets `data`, the name of what is trained on, and tells podium by the environment where it lies.
choose_data() {
  local folder
  data=fashion_mnist
  for folder in "$home/data/fashion-mnist" /usr/share/datasets/fashion-mnist; do
    if [ -d "$folder" ]; then
      export PODIUM_IO__DATA_FOLDERS=$folder
      return
    fi
  done
  data=synthetic
  export PODIUM_IO__SOURCE=synthetic:60000,28,28,1,10
}

# --- All of it -----------------------------------------------------------------------------------

is_wanted() { [ -z "$only" ] || [[ ,$only, == *",$1,"* ]]; }

# run_section NAME SECONDS LEAST: one line of $scratch/sections: name, outcome, seconds, note.
run_section() {
  local began=$SECONDS left=$((deadline - SECONDS))
  section=$1 outcome=failed note=
  if [ "$left" -lt "$3" ]; then
    say_outcome skipped "the time was short: $left s left"
  else
    section_end=$((SECONDS + ($2 < left ? $2 : left)))
    printf '\n=== %s\n' "$section" >>"$log"
    "section_$section" || true  # it has said how it went
  fi
  if [ "$outcome" = failed ]; then failures=$((failures + 1)); fi
  printf '%s\t%s\t%s\t%s\n' "$section" "$outcome" $((SECONDS - began)) "$note" >>"$scratch/sections"
  say "$section: $outcome after $((SECONDS - began)) s${note:+: $note}"
}

run_sections() {
  local name most least
  while read -r name most least; do
    if [ -n "$name" ] && is_wanted "$name"; then run_section "$name" "$most" "$least"; fi
  done <<<"$sections"
}

write_report() {
  {
    printf 'date\t%s\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)"
    printf 'data\t%s\n' "$data"
    printf 'cores\t%s\n' "$(nproc)"
    printf 'seconds\t%s\n' $((SECONDS - started))
    describe_gpus | sed 's/^/gpu\t/'
    sed 's/^/version\t/' "$scratch/version"
    if [ -e "$home/MANIFEST" ]; then sed -n '1,4s/^/build\t/p' "$home/MANIFEST"; fi
  } >"$scratch/machine"
  if command -v python3 >/dev/null; then
    python3 "$root/scripts/gpu_check_report.py" "$scratch" "$output"
    say "see $output/gpu_check.md"
  else
    say "python3 is not here, so there is no gpu_check.json; the sections stand in gpu_check.md"
    { cat "$scratch/machine" && echo && cat "$scratch/sections"; } >"$output/gpu_check.md"
  fi
}

parse_arguments() {
  bundle='' builds=1 only='' minutes=8
  output=$PWD/build/gpu_check
  while [ $# -gt 0 ]; do
    case $1 in
      -h | --help) usage && exit 0 ;;
      --bundle | --build | --output | --minutes | --only)
        [ $# -ge 2 ] || fail 2 "$1 wants a value; see --help"
        case $1 in
          --bundle) bundle=$(realpath -m "$2") ;;
          --build) build=$(realpath -m "$2") builds=0 ;;
          --output) output=$(realpath -m "$2") ;;
          --minutes) minutes=$2 ;;
          --only) only=$2 ;;
        esac
        shift
        ;;
      *) fail 2 "unknown argument '$1'; see --help" ;;
    esac
    shift
  done
  if ! [[ $minutes =~ ^[1-9][0-9]*$ ]]; then fail 2 "'$minutes' is no number of minutes"; fi
  for name in ${only//,/ }; do
    [[ $sections == *$'\n'"$name "* ]] || fail 2 "there is no section '$name'; see --help"
  done
}

parse_arguments "$@"
reason=$(why_no_gpu)
if [ -n "$reason" ]; then fail 69 "no GPU: $reason"; fi
mkdir -p "$output"
log=$output/gpu_check.log
: >"$log"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
mkdir "$scratch/results"
take_what_is_asked
choose_data
started=$SECONDS
deadline=$((SECONDS + 60 * minutes))
failures=0
run_sections
write_report
exit $((failures > 0))
