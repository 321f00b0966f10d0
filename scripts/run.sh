#!/usr/bin/env bash
# Podium from a fresh checkout in one command: installs what is missing, builds, and runs the main
# job, from raw Fashion-MNIST to served predictions. Quick when nothing has changed.
# `scripts/run.sh --help` shows the usage.
set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

usage() {
  cat <<'TEXT'
usage: ./scripts/run.sh [--section.key=value ...]        the main job, inputs/fashion_mnist.cfg
       ./scripts/run.sh FILE.cfg [--section.key=value ...]   the job of another input file
       ./scripts/run.sh VERB [podium arguments]          another verb: ingest, train, serve, ...

Installs what is missing (Debian and Ubuntu: by apt; elsewhere it names what is missing), builds
build/release/podium, and starts it under mpirun. `build/release/podium --help` lists all verbs and
`build/release/podium run --help` the options of the job.

Ctrl-C or SIGTERM ends the job in good order: a service drains, training stops at a checkpoint.

environment: PODIUM_RANKS       number of MPI ranks; default 4, and 1 for select, serve, predict, export
             PODIUM_SETUP_ONLY  1: only install and configure
             CXX                the C++20 compiler
TEXT
}

default_ranks() {
  case $1 in
    select | serve | predict | export) echo 1 ;;
    *) echo 4 ;;
  esac
}

main_input() {
  local file=inputs/fashion_mnist.cfg
  if [ "$PWD" = "$root" ]; then echo "$file"; else echo "$root/$file"; fi
}

# Fills `arguments` with the command line of podium.
choose_arguments() {
  case ${1:-} in
    '' | -*) arguments=(run "$(main_input)" "$@") ;;
    *.cfg) arguments=(run "$@") ;;
    *) arguments=("$@") ;;
  esac
}

case ${1:-} in
  -h | --help)
    usage
    exit 0
    ;;
esac
choose_arguments "$@"
ranks=${PODIUM_RANKS:-$(default_ranks "${arguments[0]}")}
if ! [[ $ranks =~ ^[1-9][0-9]*$ ]]; then
  fail 2 "PODIUM_RANKS='$ranks' is not a number of ranks; write a whole number of at least 1"
fi
set_up build data
if [ "${PODIUM_SETUP_ONLY:-0}" = 1 ]; then exit 0; fi
build_targets podium
exec "$root/scripts/mpirun.sh" -n "$ranks" "$build/podium" "${arguments[@]}"
