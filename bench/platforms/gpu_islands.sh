#!/usr/bin/env bash
# Prints a platform for SimGrid: NODES nodes of 8 GPUs, which are joined inside a node by links of 300 GB/s each
# way (as NVLink 3 does by a switch) and share one link of 50 GB/s (400 Gb/s) to a switch without
# bottleneck. A GPU adds 1,000 GB of vectors a second ("speed": src/comm/simulated/kernels.cpp).
#
# Usage: bench/platforms/gpu_islands.sh [NODES]
set -euo pipefail

nodes=${1:-128}
cat <<'XML'
<?xml version="1.0"?>
<!DOCTYPE platform SYSTEM "https://simgrid.org/simgrid.dtd">
<platform version="4.1">
  <zone id="world" routing="Floyd">
    <zone id="core" routing="None"><router id="switch"/></zone>
XML
for ((node = 0; node < nodes; ++node)); do
  cat <<XML
    <cluster id="island-$node" prefix="gpu-" suffix="" radical="$((8 * node))-$((8 * node + 7))" speed="1000Gf"
             bw="300GBps" lat="0.5us" sharing_policy="SPLITDUPLEX" router_id="nic-$node"/>
    <link id="uplink-$node" bandwidth="50GBps" latency="1us" sharing_policy="SPLITDUPLEX"/>
XML
done
for ((node = 0; node < nodes; ++node)); do
  cat <<XML
    <zoneRoute src="island-$node" dst="core" gw_src="nic-$node" gw_dst="switch" symmetrical="NO">
      <link_ctn id="uplink-$node" direction="UP"/>
    </zoneRoute>
    <zoneRoute src="core" dst="island-$node" gw_src="switch" gw_dst="nic-$node" symmetrical="NO">
      <link_ctn id="uplink-$node" direction="DOWN"/>
    </zoneRoute>
XML
done
printf '  </zone>\n</platform>\n'
