#!/usr/bin/env bash
# Every test of Podium from a fresh checkout in one command: installs what is missing, builds all,
# runs ctest, and ends with a line of counts. Returns ctest's exit code.
# `scripts/test.sh --help` shows the usage.
set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

usage() {
  cat <<'TEXT'
usage: ./scripts/test.sh [ctest arguments]

Installs what is missing (Debian and Ubuntu: by apt; elsewhere it names what is missing), builds
everything in build/release, and runs all tests. For some of them: ./scripts/test.sh -R '^nn\.'

environment: PODIUM_SETUP_ONLY  1: only install and configure
             CXX                the C++20 compiler
TEXT
}

# The number of tests in ctest's report that are of one kind: tests, failures, skipped.
count() { sed -n '/<testsuite/,/>/ s/^.*[[:space:]]'"$1"'="\([0-9]*\)".*$/\1/p' "$report"; }

print_counts() {
  local total failed skipped
  if [ ! -s "$report" ]; then return; fi
  total=$(count tests) failed=$(count failures) skipped=$(count skipped)
  printf '%s: %d tests: %d passed, %d failed, %d skipped in %d s\n' "${0##*/}" "$total" \
    $((total - failed - skipped)) "$failed" "$skipped" $((SECONDS - started))
}

case ${1:-} in
  -h | --help)
    usage
    exit 0
    ;;
esac
set_up build data test
if [ "${PODIUM_SETUP_ONLY:-0}" = 1 ]; then exit 0; fi
build_targets all

report=$build/tests.xml
rm -f "$report"
started=$SECONDS
status=0
run_guarded ctest --preset "$preset" --output-on-failure --no-tests=error -j2 \
  --output-junit "$report" "$@" || status=$?
print_counts
exit "$status"
