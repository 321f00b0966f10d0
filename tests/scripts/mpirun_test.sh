#!/usr/bin/env bash
# Starting jobs: the exit code of a rank comes through, and a program that is not there is told.
set -euo pipefail
# shellcheck source=tests/scripts/expect.sh
source "$(dirname "$0")/expect.sh"

start=$project/scripts/mpirun.sh
cd "$project"
expect 3 'from a rank' "$start" -n 1 sh -c 'echo from a rank; exit 3'
expect 2 "nothing to start in '-n 2 nowhere/podium train inputs/none.cfg'" \
  "$start" -n 2 nowhere/podium train inputs/none.cfg
expect 2 'build/release/podium ...' "$start" --host localhost -n 1 no_such_program
expect 134 '' "$start" -n 1 sh -c 'kill -ABRT $$'
exit "$failures"
