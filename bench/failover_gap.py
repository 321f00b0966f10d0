#!/usr/bin/env python3
"""How long clients get no answer when a service is killed and its standby takes over.

  bench/failover_gap.py build/release/podium INPUT --run.dir=RUN [more options of `serve`] [--rounds=N]

RUN holds a published model. Each round starts the next standby, kills the serving process with SIGKILL
and asks over new connections, one millisecond apart, until the standby has answered. The gap runs from
the last answer of the one to the first of the other; it holds the client's own pauses.
"""

import http.client
import signal
import socket
import statistics
import subprocess
import sys
import time

PATIENCE_S = 60


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def answered(connection):
    connection.request("GET", "/v2/health/ready")
    answer = connection.getresponse()
    answer.read()
    return answer.status == 200


def try_once(port):
    try:
        return answered(http.client.HTTPConnection("127.0.0.1", port, timeout=5))
    except OSError:
        return False
    except http.client.HTTPException:
        return False


def start(podium, words, port, *more):
    command = [podium, "serve", *words, f"--serve.port={port}", "--serve.linger=forever", *more]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def wait_for(process, text):
    for line in process.stderr:
        if text in line:
            return
    sys.exit(f"the service ended before it said '{text}'")


def gap_ms(process, port):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    if not answered(connection):
        sys.exit("the service is not ready")
    process.send_signal(signal.SIGKILL)
    last = time.monotonic()
    while not try_once(port):
        if time.monotonic() - last > PATIENCE_S:
            sys.exit("nobody took over")
        time.sleep(0.001)
    gap = (time.monotonic() - last) * 1000
    process.wait()
    return gap


def main():
    words = [word for word in sys.argv[1:] if not word.startswith("--rounds=")]
    rounds = next((int(w.split("=")[1]) for w in sys.argv if w.startswith("--rounds=")), 10)
    if len(words) < 2:
        sys.exit(__doc__)
    podium, *words = words
    port = free_port()
    serving = start(podium, words, port)
    standby = None
    try:
        wait_for(serving, "serving on")
        gaps = []
        for _ in range(rounds):
            standby = start(podium, words, port, "--serve.standby")
            wait_for(standby, "standing by")
            time.sleep(0.5)
            gaps.append(gap_ms(serving, port))
            serving, standby = standby, None
        print(f"gap over {rounds} kills: median {statistics.median(gaps):.1f} ms, "
              f"from {min(gaps):.1f} to {max(gaps):.1f} ms")
    finally:
        for process in (serving, standby):
            if process and process.poll() is None:
                process.kill()
                process.wait()


if __name__ == "__main__":
    main()
