#!/usr/bin/env bash
# gpu_check.sh finds every test that needs a GPU: the suites of all sources that use gpu_test.hpp, by
# themselves or by a header, have names that gpu_tests.sh knows. Executables of tests/emulation, whose
# GPU is none, are not among those it looks at.
set -euo pipefail
# shellcheck source=tests/scripts/expect.sh
source "$(dirname "$0")/expect.sh"
# shellcheck source=scripts/gpu_tests.sh
source "$project/scripts/gpu_tests.sh"

headers=$(cd "$project/tests" && grep -rl --include='*.hpp' 'PODIUM_NEEDS_GPU' . | sed 's|.*/||' | paste -sd'|')
mapfile -t sources < <(grep -rlE --include='*.cpp' "#include \".*($headers)\"" "$project/tests")
if [ ${#sources[@]} -lt 3 ]; then
  echo "FAILED: found ${#sources[@]} sources with tests of GPUs"
  failures=$((failures + 1))
fi
known="^($(echo "$gpu_suites" | tr ' ' '|'))"
for source in "${sources[@]}"; do
  while read -r suite; do
    if [[ $suite =~ $known ]]; then continue; fi
    echo "FAILED: $source: scripts/gpu_tests.sh does not know the suite $suite"
    failures=$((failures + 1))
  done < <(sed -nE 's/^TEST(_[FP])?\((\w+),.*/\2/p' "$source" | sort -u)
done
if grep -nE '^ *podium_test\(|podium_emulated_test\(test_' \
  "$project/tests/emulation/CMakeLists.txt"; then
  echo "FAILED: an executable of tests/emulation would be taken for one that tests a GPU"
  failures=$((failures + 1))
fi
exit "$failures"
