#!/usr/bin/env bash
# mpirun with the settings Podium needs on a workstation: works as root, with more ranks than cores,
# unbound (Podium counts its threads itself), and quiet after an error, so that Podium's own message
# is the last line.
#
# Stopping it stops the job in good order. SIGTERM, SIGINT (Ctrl-C), SIGHUP or SIGUSR1 to this script
# reaches every rank, on every node, as SIGUSR1, which mpirun passes on: a service drains and the job
# ends with the exit code of its ranks. (mpirun that gets SIGTERM itself returns 1 even then.) A
# second signal kills the job. If this script is killed, the job ends too.
#
# Open MPI 4.1 can deadlock in its own end after a rank was killed. When all ranks of this node have
# been dead for some seconds and mpirun has not noticed, it is killed as well (exit code 137).
#
# Usage: scripts/mpirun.sh [mpirun options] PROGRAM [arguments]
set -euo pipefail

mpirun_pid=
signals=0
ready_within=60  # twentieths of a second that ranks get to be ready for a signal
dead_within=5    # looks, two seconds apart, after which mpirun should have ended with its ranks

# The ranks on this node with their states, "PID STATE" a line, from /proc since a minimal system
# has no ps.
children_of() {
  local stat pid state rest
  for stat in /proc/[0-9]*/stat; do
    { read -r rest <"$stat"; } 2>/dev/null || continue
    pid=${rest%% *}
    rest=${rest##*) }        # after the name, which may hold blanks: state, parent, ...
    state=${rest%% *}
    rest=${rest#* }
    if [ "${rest%% *}" = "$1" ]; then echo "$pid $state"; fi
  done
}

# Whether there are ranks and all wait for SIGUSR1 (signal 10): before that it would end them.
ranks_listen() {
  local pid state key value mask found=1
  while read -r pid state; do
    mask=0
    while read -r key value; do
      if [ "$key" = SigBlk: ]; then mask=$((16#$value)); fi
    done 2>/dev/null <"/proc/$pid/status" || return 1
    if [ $((mask >> 9 & 1)) = 0 ]; then return 1; fi
    found=0
  done < <(children_of "$mpirun_pid")
  return "$found"
}

kill_job() {
  local pid state
  while read -r pid state; do
    kill -KILL "$pid" 2>/dev/null || true
  done < <(children_of "$mpirun_pid")
  kill -KILL "$mpirun_pid" 2>/dev/null || true
}

# A verb that does not listen to signals is ended by mpirun. Runs in a trap, where a bare return
# gives the status of what the signal interrupted.
pass_on() {
  local tries
  for ((tries = 0; tries < ready_within; ++tries)); do
    if [ "$signals" -gt 1 ] || ! kill -0 "$mpirun_pid" 2>/dev/null; then return 0; fi
    if ranks_listen; then
      kill -USR1 "$mpirun_pid" 2>/dev/null || true
      return 0
    fi
    sleep 0.05
  done
  kill -TERM "$mpirun_pid" 2>/dev/null || true
}

# Whether mpirun has ranks on this node, and all are dead.
all_dead() {
  local pid state found=1
  while read -r pid state; do
    if [ "$state" != Z ]; then return 1; fi
    found=0
  done < <(children_of "$mpirun_pid")
  return "$found"
}

watch_for_deadlock() {
  local looks=0
  while kill -0 "$mpirun_pid" 2>/dev/null; do
    sleep 2
    if all_dead; then looks=$((looks + 1)); else looks=0; fi
    if [ "$looks" -ge "$dead_within" ]; then kill_job; fi
  done
}

stop_job() {
  signals=$((signals + 1))
  if [ -z "$mpirun_pid" ]; then return 0; fi
  if [ "$signals" = 1 ]; then pass_on; else kill_job; fi
}
trap stop_job INT TERM HUP USR1

if [ "$(id -u)" = 0 ]; then
  export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
fi

# mpirun, being quiet, ends with 132 to 134 and no word when it finds no program to start.
names_a_program() {
  local word
  for word in "$@"; do
    if type -P -- "$word" >/dev/null; then return 0; fi
  done
  return 1
}

open_files=$(ulimit -n)
if [ "$open_files" != unlimited ] && [ "$open_files" -lt 128 ]; then
  echo "podium: error: the limit on open files is $open_files, and mpirun needs 128 (ulimit -n); raise it" >&2
  exit 69
fi

# Open MPI gives ranks a terminal whatever this script writes to: only here can be known whether
# somebody looks, and how wide that terminal is at first.
terminal=()
if [ -z "${PODIUM_TERMINAL:-}" ] && [ -t 1 ]; then
  size=$(stty size <&1 2>/dev/null) || size='0 0'
  PODIUM_TERMINAL="${size#* }x${size% *}"
  if [ ! -t 2 ]; then PODIUM_TERMINAL+=,stdout; fi
  export PODIUM_TERMINAL
  terminal=(-x PODIUM_TERMINAL)
fi

# mpirun's own process group keeps a terminal's Ctrl-C, which reaches all of a group, to this script.
tether=()
if command -v setpriv >/dev/null; then tether=(setpriv --pdeathsig TERM); fi
set -m
"${tether[@]}" mpirun --quiet --oversubscribe --bind-to none "${terminal[@]}" "$@" </dev/null &
mpirun_pid=$!
watch_for_deadlock </dev/null >/dev/null 2>&1 &
watch_pid=$!
disown "$watch_pid" 2>/dev/null || true  # its end is no news
set +m

if [ "$signals" -gt 0 ]; then signals=0 && stop_job; fi

# A wait that a trapped signal ended says nothing of mpirun, whose status is kept for the next one.
status=0
while true; do
  seen=$signals
  wait "$mpirun_pid" 2>/dev/null && status=0 || status=$?
  if [ "$signals" = "$seen" ]; then break; fi
done
kill -KILL -- "-$watch_pid" 2>/dev/null || true
if [ "${#terminal[@]}" -gt 0 ]; then printf '\r\033[?7h\033[J'; fi  # what a killed rank has left: a picture, and no line wrap
if [ "$status" -gt 128 ] && ! names_a_program "$@"; then
  echo "podium: error: nothing to start in '$*': no word of it is a program here;" \
    "build it (./scripts/run.sh does), and give its path: scripts/mpirun.sh -n 4 build/release/podium ..." >&2
  exit 2
fi
exit "$status"
