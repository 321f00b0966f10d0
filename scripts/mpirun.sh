#!/usr/bin/env bash
# mpirun with the settings Podium needs on a workstation: works as root, with more ranks than cores,
# unbound (Podium counts its threads itself), quiet after an error so that Podium's own message is
# the last line, and patient when told to stop so that a service can drain.
# Usage: scripts/mpirun.sh [mpirun options] PROGRAM [arguments]
set -eu
if [ "$(id -u)" = 0 ]; then
  export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
fi
export OMPI_MCA_odls_base_sigkill_timeout="${PODIUM_DRAIN_S:-60}"
exec mpirun --quiet --oversubscribe --bind-to none "$@"
