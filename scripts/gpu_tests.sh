# shellcheck shell=bash
# Which tests are of GPUs: those of GoogleTest suites whose names begin with one of these words. To be
# sourced. tests/scripts/gpu_suites_test.sh sees that no test of a GPU has another name.

gpu_suites='Cuda Nccl Gpu Resident StepKernels'

# The same as a filter for --gtest_filter; typed and parameterised suites have a prefix and a slash.
gpu_filter() {
  local suite filter=
  for suite in $gpu_suites; do filter+=${filter:+:}$suite'*.*:*/'$suite'*.*'; done
  echo "$filter"
}

# Whether the executable has any: has_gpu_tests FILE. Listing starts no test.
has_gpu_tests() {
  [ "$(timeout 20 "$1" --gtest_list_tests --gtest_filter="$(gpu_filter)" 2>/dev/null |
    grep -c '^  ')" -gt 0 ]
}
