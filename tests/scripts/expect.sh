# shellcheck shell=bash
# What tests of scripts share. To be sourced by a test that is called with the project's folder and
# the build's; it ends with `exit "$failures"`.

# shellcheck disable=SC2034  # some tests use one of them
project=$1 build=$2
failures=0

# expect CODE TEXT COMMAND...: the command ends with CODE, and TEXT is in what it prints.
expect() {
  local code=$1 text=$2 status=0 output
  shift 2
  output=$("$@" 2>&1) || status=$?
  if [ "$status" = "$code" ] && [[ $output == *"$text"* ]]; then return; fi
  echo "FAILED: $*"
  echo "  exit code $status, expected $code; expected in the output: $text"
  printf '  | %s\n' "${output//$'\n'/$'\n'  | }"
  failures=$((failures + 1))
}
