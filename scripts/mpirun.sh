#!/usr/bin/env bash
# mpirun with the settings Podium needs on a workstation: works as root, with more ranks than cores,
# unbound (Podium counts its threads itself), and quiet after an error, so that Podium's own message
# is the last line.
#
# Stopping it stops the job in good order. SIGTERM, SIGINT (Ctrl-C) or SIGHUP to this script reaches
# every rank, on every node, as SIGUSR1, which mpirun passes on: a service drains and the job ends
# with the exit code of its ranks. (mpirun that gets SIGTERM itself returns 1 even then.) A second
# signal kills the job. If this script is killed, the job ends too.
#
# Usage: scripts/mpirun.sh [mpirun options] PROGRAM [arguments]
set -euo pipefail

if [ "$(id -u)" = 0 ]; then
  export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
fi

mpirun_pid=
signals=0

# The ranks on this node, from /proc since a minimal system has no ps.
children_of() {
  local stat pid rest
  for stat in /proc/[0-9]*/stat; do
    { read -r rest <"$stat"; } 2>/dev/null || continue
    pid=${rest%% *}
    rest=${rest##*) }        # after the name, which may hold blanks: state, parent, ...
    rest=${rest#* }
    if [ "${rest%% *}" = "$1" ]; then echo "$pid"; fi
  done
}

kill_job() {
  local pid
  for pid in $(children_of "$mpirun_pid") "$mpirun_pid"; do
    kill -KILL "$pid" 2>/dev/null || true
  done
}

stop_job() {
  signals=$((signals + 1))
  if [ -z "$mpirun_pid" ]; then return; fi
  if [ "$signals" -gt 1 ]; then
    kill_job
  elif [ -n "$(children_of "$mpirun_pid")" ]; then
    kill -USR1 "$mpirun_pid" 2>/dev/null || true
  else
    kill -TERM "$mpirun_pid" 2>/dev/null || true  # no rank has started yet
  fi
}
trap stop_job INT TERM HUP

# mpirun's own process group keeps a terminal's Ctrl-C, which reaches all of a group, to this script.
tether=()
if command -v setpriv >/dev/null; then tether=(setpriv --pdeathsig TERM); fi
set -m
"${tether[@]}" mpirun --quiet --oversubscribe --bind-to none "$@" </dev/null &
mpirun_pid=$!
set +m
if [ "$signals" -gt 0 ]; then signals=0 && stop_job; fi

status=0
while true; do
  wait "$mpirun_pid" 2>/dev/null && status=0 || status=$?
  kill -0 "$mpirun_pid" 2>/dev/null || break  # a trapped signal, not the end, ended the wait
done
exit "$status"
