#!/usr/bin/env python3
"""Runs ps-lite's scheduler, server and worker on this machine, for `podium bench ps`.

    bench/make_ps_lite.sh            once; makes build/peers/ps-lite
    bench/ps_lite_peer.py SECONDS OPERATION,KIND,BYTES,IN_FLIGHT ...

The works are those of bench/ps_lite/ps_lite_peer.cpp, whose last line, one JSON object, is the last
line here. Everything goes by TCP over the loopback interface, as ps-lite has it unless told otherwise.
"""
import os
import pathlib
import socket
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROGRAM = ROOT / "build/peers/ps-lite/ps_lite_peer"
PATIENCE = 300  # seconds for all works


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start(role, port, words=(), **more):
    environment = dict(
        os.environ,
        DMLC_ROLE=role,
        DMLC_PS_ROOT_URI="127.0.0.1",
        DMLC_PS_ROOT_PORT=str(port),
        DMLC_NODE_HOST="127.0.0.1",
        DMLC_NUM_WORKER="1",
        DMLC_NUM_SERVER="1",
        LD_LIBRARY_PATH=f"{PROGRAM.parent}:{os.environ.get('LD_LIBRARY_PATH', '')}",
        **more,
    )
    return subprocess.Popen([str(PROGRAM), *words], env=environment, stdout=subprocess.PIPE,
                            stderr=subprocess.DEVNULL, text=True)


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    if not PROGRAM.exists():
        sys.exit(f"ps_lite_peer.py: there is no {PROGRAM}; run bench/make_ps_lite.sh")
    port = free_port()
    processes = [start("scheduler", port)]
    try:
        processes.append(start("server", port))
        processes.append(start("worker", port, sys.argv[1:], SERVER_PID=str(processes[1].pid)))
        output, _ = processes[2].communicate(timeout=PATIENCE)
        lines = output.strip().splitlines()
        if not lines:
            sys.exit("ps_lite_peer.py: the worker said nothing")
        print(lines[-1])
    finally:
        for process in processes:
            process.kill()


if __name__ == "__main__":
    main()
