#!/bin/sh
# Starts the program of this bundle that has this file's name: `podium` the executable, `mpirun`
# Open MPI's launcher by way of scripts/mpirun.sh, and `with` whatever its arguments say, for
# instance `./with tests/test_core`.
set -eu
home=$(cd "$(dirname "$(readlink -f "$0")")" && pwd)
# shellcheck source=packaging/bundle/environment.sh
. "$home/environment.sh"
case ${0##*/} in
  podium) exec "$home/bin/podium" "$@" ;;
  mpirun) exec "$home/scripts/mpirun.sh" "$@" ;;
  *) exec "$@" ;;
esac
