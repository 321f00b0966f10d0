#!/usr/bin/env bash
# A Slurm cluster on one machine, for tests and for learning: each node is a network, a host name and
# a process space of its own, joined to the others by a bridge; Slurm and munge are Debian's. What is
# run there is real: job arrays, requeues, srun with PMIx, the death of a node. Needs root.
# `scripts/virtual_cluster.sh --help` shows the usage.
set -euo pipefail

usage() {
  cat <<'TEXT'
usage: scripts/virtual_cluster.sh up N [--cpus=2] [--rate=1gbit] [--pmix=no]   a cluster of N nodes
       scripts/virtual_cluster.sh env            what a shell needs to use it: eval "$(... env)"
       scripts/virtual_cluster.sh run COMMAND    one command with that
       scripts/virtual_cluster.sh status         nodes and jobs
       scripts/virtual_cluster.sh kill NODE      a node dies, with all that runs on it
       scripts/virtual_cluster.sh revive NODE    and comes back, empty
       scripts/virtual_cluster.sh down           all ends, and nothing stays behind

  eval "$(scripts/virtual_cluster.sh env)"; sbatch slurm/scaling.sbatch inputs/fashion_mnist-ci.cfg

Nodes are called node1, node2, ...; they share the file system. --cpus is what Slurm is told of each,
whatever the machine has. --rate limits what a node sends and receives. With --pmix=no srun knows no PMIx, as at
some sites. Several clusters stand side
by side under different folders: PODIUM_CLUSTER=FOLDER, /tmp/podium-cluster unless set.

Exit code 77 and a word where this cannot be done: not root, no namespaces, Slurm cannot be installed.
TEXT
}

skip() {
  echo "SKIPPED: $*"
  exit 77
}

fail() {
  local code=$1
  shift
  echo "podium: error: $*" >&2
  exit "$code"
}

folder=${PODIUM_CLUSTER:-/tmp/podium-cluster}
packages=(slurmctld slurmd slurm-client munge iproute2 util-linux)

install_slurm() {
  local tool missing=0
  for tool in slurmctld slurmd munged sbatch ip nsenter; do
    command -v "$tool" >/dev/null || missing=1
  done
  [ "$missing" = 1 ] || return 0
  command -v apt-get >/dev/null || skip "there is no Slurm here, and no apt-get to install it"
  echo "virtual_cluster.sh: installing ${packages[*]}" >&2
  # Their services are for the machine's own cluster, and stay off.
  { apt-get -q update && DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get -q install -y \
    --no-install-recommends -o DPkg::Lock::Timeout=600 "${packages[@]}"; } >/dev/null 2>&1 ||
    skip "Slurm cannot be installed here: apt-get install ${packages[*]}"
}

# --- The network ---------------------------------------------------------------------------------

# A number that no other cluster of this machine has: of its bridge, its network and its ports.
take_number() {
  for ((number = 1; number < 200; ++number)); do
    ip link add "podium-br$number" type bridge 2>/dev/null && return 0
    ip link show "podium-br$number" >/dev/null 2>&1 || skip "there are no bridges here"
  done
  fail 69 "200 clusters stand here already; take some down"
}

address_of() { echo "10.97.$number.$1"; }

join_network() {
  local node=$1 process=$2 wire=podium-$number-$1
  ip link add "$wire" type veth peer name podium0 netns "$process" || skip "there is no veth"
  ip link set "$wire" master "podium-br$number" up
  inside() { nsenter --target "$process" --net -- "$@"; }
  inside ip link set lo up
  inside ip address add "$(address_of "$node")/24" dev podium0
  inside ip link set podium0 up
  if [ -n "$rate" ]; then
    inside tc qdisc add dev podium0 root tbf rate "$rate" burst 128kb latency 20ms
    tc qdisc add dev "$wire" root tbf rate "$rate" burst 128kb latency 20ms
  fi
}

# What nodes know of each other's names.
write_hosts() {
  local nodes=$1 node
  {
    cat /etc/hosts
    for ((node = 1; node <= nodes; ++node)); do echo "$(address_of "$node") node$node"; done
  } >"$folder/hosts"
}

# --- Slurm ---------------------------------------------------------------------------------------

# What srun knows of MPI.
mpi_lines() {
  if [ "$pmix" = yes ]; then
    echo MpiDefault=pmix
  else
    printf 'MpiDefault=none\nPluginDir=%s\n' "$folder/plugins"
  fi
}

# Slurm's plugins but for those that start MPI with PMIx.
leave_out_pmix() {
  local all
  all=$(dirname "$(find /usr/lib /usr/lib64 /usr/local/lib -name mpi_pmix.so 2>/dev/null | head -n 1)")
  [ "$all" != . ] || return 0
  mkdir "$folder/plugins"
  find "$all" -name '*.so' ! -name 'mpi_pmix*' -exec ln -s -t "$folder/plugins" {} +
}

write_configuration() {
  local nodes=$1 node
  {
    cat <<TEXT
ClusterName=podium$number
SlurmctldHost=$(hostname)($(address_of 254))
SlurmctldPort=$((20000 + number))
SlurmdPort=$((20200 + number))
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$folder/munge/socket,cred_expire=10
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/%n/spool
TmpFS=$folder/%n/tmp
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/%n/slurmd.pid
SlurmctldLogFile=$folder/slurmctld.log
SlurmdLogFile=$folder/%n/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
$(mpi_lines)
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=2,bf_interval=2,batch_sched_delay=0,default_queue_depth=100
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SlurmdParameters=config_overrides
ReturnToService=2
SlurmdTimeout=10
InactiveLimit=0
KillWait=5
MinJobAge=86400
JobRequeue=1
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
TEXT
    for ((node = 1; node <= nodes; ++node)); do
      echo "NodeName=node$node NodeAddr=$(address_of "$node") CPUs=$cpus State=UNKNOWN"
    done
    echo "PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP"
  } >"$folder/slurm.conf"
}

start_munge() {
  mkdir -m 700 "$folder/munge"
  dd if=/dev/urandom of="$folder/munge/key" bs=1024 count=1 status=none
  chmod 600 "$folder/munge/key"
  chmod 711 "$folder/munge"
  munged --force --num-threads=2 --socket="$folder/munge/socket" --key-file="$folder/munge/key" \
    --pid-file="$folder/munge/pid" --log-file="$folder/munge/log" --seed-file="$folder/munge/seed" ||
    fail 69 "munge does not start; see $folder/munge/log"
}

# The first process of a node is a shell, which takes leave of orphans; the node ends with it.
start_node() {
  local node=$1 process
  rm -rf "$folder/node$node/spool" "$folder/node$node/tmp" # of one that has died
  mkdir -p "$folder/node$node/spool" "$folder/node$node/tmp"
  rm -f "$folder/node$node/joined"
  # shellcheck disable=SC2016  # it is the node's shell that fills these in
  setsid unshare --net --uts --mount --pid --fork --kill-child --mount-proc \
    bash -c 'echo "$2" >/proc/sys/kernel/hostname
      mount --bind "$1/hosts" /etc/hosts
      until [ -e "$1/$2/joined" ]; do sleep 0.02; done
      slurmd -D -f "$1/slurm.conf" -N "$2" &
      while true; do sleep 1; done' node "$folder" "node$node" \
    </dev/null >"$folder/node$node/output" 2>&1 &
  process=$!
  disown "$process"
  echo "$process" >"$folder/node$node/process"
  for ((tries = 0; tries < 100; ++tries)); do
    [ "$(readlink /proc/self/ns/net)" != "$(readlink "/proc/$process/ns/net" 2>/dev/null)" ] && break
    kill -0 "$process" 2>/dev/null || skip "namespaces are not allowed here"
    sleep 0.05
  done
  join_network "$node" "$process"
  touch "$folder/node$node/joined"
}

# Waits up to half a minute until so many nodes wait for jobs.
await_nodes() {
  local wanted=$1 tries idle
  for ((tries = 0; tries < 150; ++tries)); do
    idle=$(SLURM_CONF=$folder/slurm.conf sinfo --noheader --Node --states=idle 2>/dev/null | wc -l)
    [ "$idle" -ge "$wanted" ] && return 0
    sleep 0.2
  done
  fail 69 "$idle of $wanted nodes came up; see $folder/slurmctld.log and $folder/node1/slurmd.log"
}

# --- Commands ------------------------------------------------------------------------------------

up() {
  local nodes=${1:-}
  [[ $nodes =~ ^[1-9][0-9]?$ ]] || fail 2 "'$nodes' is no number of nodes; write one from 1 to 99"
  shift
  cpus=2 rate='' pmix=yes
  for argument in "$@"; do
    case $argument in
      --cpus=*) cpus=${argument#*=} ;;
      --rate=*) rate=${argument#*=} ;;
      --pmix=yes | --pmix=no) pmix=${argument#*=} ;;
      *) fail 2 "'$argument' is not understood; see scripts/virtual_cluster.sh --help" ;;
    esac
  done
  [[ $cpus =~ ^[1-9][0-9]{0,2}$ ]] || fail 2 "'$cpus' is no number of cores (--cpus); write 1 to 999"
  [[ $rate =~ ^([1-9][0-9.]*[kmg]?bit)?$ ]] ||
    fail 2 "'$rate' is no rate (--rate); write one such as 200mbit or 1gbit"
  [ "$(id -u)" = 0 ] || skip "network namespaces need root"
  [ ! -e "$folder" ] || fail 2 "$folder is there already; scripts/virtual_cluster.sh down, or name another by PODIUM_CLUSTER"
  [[ $folder =~ ^/[A-Za-z0-9_./+-]+$ ]] || fail 2 "PODIUM_CLUSTER=$folder: write an absolute path without blanks"
  install_slurm
  mkdir -p "$folder/state"
  trap 'down' EXIT
  take_number
  printf 'number=%s\ncpus=%s\nrate=%s\nnodes=%s\n' "$number" "$cpus" "$rate" "$nodes" >"$folder/cluster"
  ip address add "$(address_of 254)/24" dev "podium-br$number"
  ip link set "podium-br$number" up
  write_hosts "$nodes"
  if [ "$pmix" = no ]; then leave_out_pmix; fi
  write_configuration "$nodes"
  start_munge
  SLURM_CONF=$folder/slurm.conf slurmctld -f "$folder/slurm.conf" -c >"$folder/slurmctld.output" 2>&1 ||
    fail 69 "slurmctld does not start: $(tail -n 1 "$folder/slurmctld.output")"
  for ((node = 1; node <= nodes; ++node)); do start_node "$node"; done
  await_nodes "$nodes"
  trap - EXIT
  echo "a cluster of $nodes nodes with $cpus cores each; eval \"\$($0 env)\" to use it" >&2
}

read_cluster() {
  [ -e "$folder/cluster" ] || fail 69 "there is no cluster at $folder; scripts/virtual_cluster.sh up N makes one"
  # shellcheck source=/dev/null
  source "$folder/cluster"
}

# The number of a node by its name.
number_of() {
  local node=${1#node}
  if ! [[ $node =~ ^[1-9][0-9]?$ ]] || [ "$node" -gt "$nodes" ]; then
    fail 2 "'$1' is no node of this cluster; write node1 to node$nodes"
  fi
  echo "$node"
}

kill_node() {
  local process
  process=$(cat "$folder/node$1/process" 2>/dev/null) || return 0
  rm -f "$folder/node$1/process"
  kill -KILL "$process" 2>/dev/null || return 0
  for ((tries = 0; tries < 100; ++tries)); do
    kill -0 "$process" 2>/dev/null || return 0
    sleep 0.05
  done
}

end_daemon() {
  local process
  process=$(cat "$1" 2>/dev/null) || return 0
  kill -TERM "$process" 2>/dev/null || return 0
  for ((tries = 0; tries < 60; ++tries)); do
    kill -0 "$process" 2>/dev/null || return 0
    sleep 0.05
  done
  kill -KILL "$process" 2>/dev/null || true
}

down() {
  [ -e "$folder/cluster" ] || { rm -rf "$folder" && return 0; }
  read_cluster
  for ((node = 1; node <= nodes; ++node)); do kill_node "$node"; done
  end_daemon "$folder/slurmctld.pid"
  end_daemon "$folder/munge/pid"
  ip link delete "podium-br$number" 2>/dev/null || true
  rm -rf "$folder"
}

environment() {
  read_cluster
  echo "export SLURM_CONF=$folder/slurm.conf PMIX_MCA_gds=hash"
  if [ "$(id -u)" = 0 ]; then echo "export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1"; fi
}

command=${1:-}
shift || true
case $command in
  -h | --help) usage ;;
  up) up "$@" ;;
  down) down ;;
  env) environment ;;
  run)
    read_cluster
    eval "$(environment)"
    exec "$@"
    ;;
  status)
    read_cluster
    eval "$(environment)"
    sinfo --Node --format='%10N %10T %5c %E'
    squeue --format='%12i %24j %10T %10M %6D %R'
    ;;
  kill | revive)
    read_cluster
    node=$(number_of "${1:-}")
    kill_node "$node"
    if [ "$command" = revive ]; then start_node "$node"; fi
    ;;
  *)
    usage >&2
    exit 2
    ;;
esac
