#!/usr/bin/env bash
# AllReduce between two nodes that are joined by a slow link, on one machine: two network namespaces
# with a veth pair between them, limited in both directions by tc's token bucket. Each has a host
# name of its own, so that Podium and MPI take them for two nodes. Tells how much of the link each
# sum used. Needs root. Nothing stays behind: the namespaces end with this script.
# `scripts/link_bench.sh --help` shows the usage.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

usage() {
  cat <<'TEXT'
usage: scripts/link_bench.sh [--build=FOLDER] [--rate=1gbit] [--ranks-per-node=1] [bench options]

Runs `podium bench allreduce` on two nodes over a link of that rate, with the options given, such as
--bench.max_bytes=64MiB or --comm.wire=bf16, and prints its table and one more:

  share    bytes of the vector / time / rate. Each node has to send as many bytes as the vector has
           where it sums inside itself first, so 100 % is the limit of sums that are not rounded.
  on wire  the same of the bytes that are sent, which rounding halves. TCP's and Ethernet's headers
           are not counted; with packets of 1,500 bytes they leave 95.6 %. Only for algorithms of
           which each node sends the vector once.

Exit code 77 and a word where this cannot be done: not root, no namespaces, no tc.
TEXT
}

skip() {
  echo "SKIPPED: $*"
  exit 77
}

build=$root/build/release rate=1gbit ranks=1
bench=()
for argument in "$@"; do
  case $argument in
    -h | --help) usage && exit 0 ;;
    --build=*) build=${argument#*=} ;;
    --rate=*) rate=${argument#*=} ;;
    --ranks-per-node=*) ranks=${argument#*=} ;;
    *) bench+=("$argument") ;;
  esac
done

refuse() {
  echo "podium: error: $1; $2" >&2
  exit 2
}
[[ $rate =~ ^[1-9][0-9.]*[kmg]?bit$ ]] ||
  refuse "'$rate' is no rate (--rate)" "give one such as 200mbit or 1gbit"
[[ $ranks =~ ^[1-9][0-9]?$ ]] ||
  refuse "'$ranks' is no number of ranks (--ranks-per-node)" "give 1 to 99"

[ "$(id -u)" = 0 ] || skip "network namespaces need root"
for tool in ip tc unshare nsenter setpriv python3; do
  command -v "$tool" >/dev/null || skip "there is no '$tool'"
done

scratch=$(mktemp -d)
holders=()
clean_up() {
  local holder
  for holder in "${holders[@]}"; do kill "$holder" 2>/dev/null || true; done
  rm -rf "$scratch"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# A process that keeps a network and a host name of its own alive, until this script ends in
# whatever way.
start_node() {
  unshare --net --uts setpriv --pdeathsig KILL \
    sh -c "echo $1 >/proc/sys/kernel/hostname && exec sleep infinity" &
  holders+=($!)
}
inside() { nsenter --target "${holders[$1]}" --net --uts -- "${@:2}"; }

# Waits until both have left this script's namespaces.
wait_for_nodes() {
  local holder tries
  for holder in "${holders[@]}"; do
    for ((tries = 0; tries < 100; ++tries)); do
      [ "$(readlink /proc/self/ns/uts)" != "$(readlink "/proc/$holder/ns/uts")" ] && break
      kill -0 "$holder" 2>/dev/null || skip "namespaces are not allowed here"
      sleep 0.05
    done
  done
}

join_nodes() {
  local side
  ip link add podium-link0 netns "${holders[0]}" type veth \
    peer name podium-link1 netns "${holders[1]}" || skip "there is no veth"
  for side in 0 1; do
    inside "$side" ip link set lo up
    inside "$side" ip address add "10.98.7.$((side + 1))/30" dev "podium-link$side"
    inside "$side" ip link set "podium-link$side" up
    inside "$side" tc qdisc add dev "podium-link$side" root \
      tbf rate "$rate" burst 128kb latency 20ms || skip "tc has no token bucket here"
  done
}

# mpirun runs on the first node and reaches the second by this instead of ssh.
write_agent() {
  cat >"$scratch/agent" <<TEXT
#!/bin/sh
shift
exec nsenter --target ${holders[1]} --net --uts -- sh -c "\$*"
TEXT
  chmod +x "$scratch/agent"
}

report() {
  python3 - "$rate" "$scratch/output" <<'CODE'
import json, re, sys
number, unit = re.fullmatch(r"([\d.]+)([kmg]?)bit", sys.argv[1].lower()).groups()
rate = float(number) * {"": 1, "k": 1e3, "m": 1e6, "g": 1e9}[unit]
line = [text for text in open(sys.argv[2]) if text.startswith("PODIUM_RESULT")][-1]
result = json.loads(line.split(" ", 1)[1])
once = lambda row: result["ranks"] == 2 or "hierarchical" in row["algorithm"]
print(f"\n{result['ranks']} ranks on {result['nodes']} nodes, {sys.argv[1]} between them")
print(f"{'size B':>10} {'wire':5} {'algorithm':20} {'time us':>10} {'share':>7} {'on wire':>7} {'#wrong':>6}")
for row in result["rows"]:
    share = row["bytes"] * 8 / (row["ours"] * 1e-6) / rate
    sent = share / 2 if row["wire"] in ("bf16", "fp16") else share
    print(f"{row['bytes']:10} {row['wire']:5} {row['algorithm']:20} {row['ours']:10.0f} {share:7.1%} "
          f"{format(sent, '7.1%') if once(row) else '':>7} {row['wrong']:6}")
CODE
}

start_node podium-node0
start_node podium-node1
wait_for_nodes
join_nodes
write_agent
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
# exec: so that it is this script whose end it hears of.
exec nsenter --target "${holders[0]}" --net --uts -- \
  setpriv --pdeathsig TERM "$root/scripts/mpirun.sh" --host "10.98.7.1:$ranks,10.98.7.2:$ranks" -n $((2 * ranks)) \
  --map-by slot --mca plm rsh --mca plm_rsh_agent "$scratch/agent" --mca pml ob1 \
  --mca btl self,vader,tcp --mca btl_tcp_if_include 10.98.7.0/30 \
  --mca oob_tcp_if_include 10.98.7.0/30 \
  "$build/podium" bench allreduce "${bench[@]}" | tee "$scratch/output" | grep -v '^PODIUM_RESULT'
report
