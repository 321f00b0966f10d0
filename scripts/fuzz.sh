#!/usr/bin/env bash
# Fuzzes every reader of user input: builds the targets of tests/fuzz by clang for libFuzzer, with
# AddressSanitizer and UndefinedBehaviorSanitizer, and runs each on its corpus for a while. Returns 1
# when something was found; the inputs then lie in build/fuzz/findings.
# `scripts/fuzz.sh --help` shows the usage.
set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

usage() {
  cat <<'TEXT'
usage: ./scripts/fuzz.sh [seconds per target, default 20] [target...]

Installs clang where it may (Debian and Ubuntu) and says SKIPPED where it cannot. Targets are the
folders of tests/fuzz/corpus; without any, all of them. An input that was found is run again by
build/fuzz/tests/fuzz/fuzz_TARGET FILE.
TEXT
}

skip() {
  say "SKIPPED: $*"
  exit 0
}

# Whether clang++ is here with the runtime of libFuzzer and OpenMP's, which the build looks for.
has_libfuzzer() {
  local scratch status=0
  scratch=$(mktemp -d)
  clang++ -fsanitize=fuzzer,address,undefined -fopenmp -x c++ -o "$scratch/probe" - \
    >/dev/null 2>&1 <<'CODE' || status=1
#include <omp.h>
extern "C" int LLVMFuzzerTestOneInput(const unsigned char*, unsigned long) { return 0; }
CODE
  rm -rf "$scratch"
  return "$status"
}

# run_once NAME FUZZER_ARGUMENT...: with the limits that hold for every input. Reading HDF5 takes a
# child, whose own limits come first; one that an error of AddressSanitizer ends leaves empty files.
run_once() {
  local name=$1 limit=5 status=0
  shift
  if [ "$name" = hdf5 ]; then limit=60; fi
  run_guarded env TMPDIR="$scratch" ASAN_OPTIONS=quarantine_size_mb=16 \
    LSAN_OPTIONS="suppressions=$root/tests/lsan.supp:print_suppressions=0" \
    "$build/tests/fuzz/fuzz_$name" -timeout="$limit" -rss_limit_mb=512 -malloc_limit_mb=256 \
    -artifact_prefix="$findings/$name-" "$@" || status=$?
  find "$findings" -name "$name-*" -empty -delete
  return "$status"
}

# was_slow_machine NAME: whether all that was found are inputs that took long once. Removes these.
was_slow_machine() {
  local slow=("$findings/$1"-timeout-*) all=("$findings/$1"-*)
  if [ ! -e "${slow[0]}" ] || [ ${#slow[@]} != ${#all[@]} ]; then return 1; fi
  run_once "$1" "${slow[@]}" >>"$findings/$1.log" 2>&1 && rm "${slow[@]}"
}

# run_target NAME: 1 when it found something.
run_target() {
  local name=$1 log=$findings/$1.log inputs
  mkdir -p "$scratch/$name"
  if run_once "$name" -max_total_time="$seconds" -max_len=16384 -print_final_stats=1 \
    "$scratch/$name" "$root/tests/fuzz/corpus/$name" >"$log" 2>&1; then
    inputs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    say "$name: ${inputs:-0} inputs, nothing found"
    return 0
  fi
  if was_slow_machine "$name"; then
    say "$name: an input took long, but not when it ran again; this machine is busy"
    return 0
  fi
  grep -E 'FINDING|ERROR|runtime error|Test unit written' "$log" >&2 || tail -n 20 "$log" >&2
  say "error: $name: found something; see $log"
  return 1
}

case ${1:-} in
  -h | --help)
    usage
    exit 0
    ;;
esac
seconds=${1:-20}
if ! [[ $seconds =~ ^[1-9][0-9]*$ ]]; then fail 2 "'$seconds' is no number of seconds; see --help"; fi
shift || true

preset=fuzz
build=$root/build/$preset
findings=$build/findings
if command -v apt-get >/dev/null && command -v dpkg-query >/dev/null && ! has_libfuzzer; then
  install_packages fuzz || skip "clang is not here and cannot be installed"
fi
has_libfuzzer || skip "clang++ with libFuzzer, AddressSanitizer and OpenMP is not here"
export CC=clang CXX=clang++
set_up build
build_targets fuzz_targets

rm -rf "$findings"
mkdir -p "$findings"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
if [ $# = 0 ]; then
  cd "$root/tests/fuzz/corpus"
  set -- *
fi
status=0
for target in "$@"; do
  if [ ! -x "$build/tests/fuzz/fuzz_$target" ]; then
    echo "$target: SKIPPED, it is not built for libFuzzer (tests/fuzz/CMakeLists.txt)"
    continue
  fi
  run_target "$target" || status=1
done
exit "$status"
