#!/usr/bin/env python3
"""Serves at half the capacity while replicas are killed and weights change, and counts what fails.

    bench/serve_soak.py RUN_DIR --minutes=30        RUN_DIR/registry/candidates/dense.h5 is served

Starts `podium serve` with the candidate `--model` of RUN_DIR. A closed loop finds the capacity; then
requests come in an open loop (Poisson) at half of it, first for --quiet seconds, then for --minutes,
in which every --kill-every seconds a random replica gets SIGKILL and every --swap-every seconds a
new version is published (the same weights: every version is loaded, warmed up and swapped in all the
same). A latency counts from the moment when its request was due. Exits 1 when a request failed, or
when p99 exceeded --limit times the quiet p99. Further options go to podium serve. Nothing else
should run on the machine. The last line is PODIUM_RESULT {...}.
"""
import argparse
import json
import os
import pathlib
import random
import shutil
import signal
import sys
import tempfile
import threading
import time

import serve_vs_peers as peers

ROOT = pathlib.Path(__file__).resolve().parent.parent


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run_dir", type=pathlib.Path)
    parser.add_argument("--podium", default=str(ROOT / "build/release/podium"))
    parser.add_argument("--model", default="dense")
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--quiet", type=float, default=20, help="seconds")
    parser.add_argument("--kill-every", type=float, default=20, help="seconds")
    parser.add_argument("--swap-every", type=float, default=30, help="seconds")
    parser.add_argument("--limit", type=float, default=3, help="of p99 over the quiet p99")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_known_args()


def load(options, port, folder, seconds, *more):
    token = folder / "run/serve.token"  # where requests must show one
    if token.exists():
        more += (f"--bench.token_file={token}",)
    result = peers.podium(options, "bench", "serve", f"--bench.server=127.0.0.1:{port}",
                          "--serve.model=bench", "--bench.request=json", "--bench.repetitions=1",
                          f"--bench.seconds={seconds}", *more)
    return result["rows"][0]


class Trouble(threading.Thread):
    """Kills replicas and publishes versions until it is told to end."""

    def __init__(self, server, registry, options):
        super().__init__(daemon=True)
        self.pid, self.registry, self.options = server.process.pid, registry, options
        self.random, self.ending = random.Random(options.seed), threading.Event()
        self.kills, self.version = 0, 1

    def run(self):
        begun = time.monotonic()
        kill_at = begun + self.options.kill_every / 2  # not with the swaps
        swap_at = begun + self.options.swap_every / 3
        while not self.ending.wait(0.05):
            now = time.monotonic()
            if now >= kill_at:
                kill_at += self.options.kill_every
                self.kill()
            if now >= swap_at:
                swap_at += self.options.swap_every
                self.publish()

    def kill(self):
        children = [int(child) for task in pathlib.Path(f"/proc/{self.pid}/task").iterdir()
                    for child in (task / "children").read_text().split()]
        replicas = [child for child in children  # MPI has a process of its own beside them
                    if b"__replica" in pathlib.Path(f"/proc/{child}/cmdline").read_bytes()]
        if replicas:
            os.kill(self.random.choice(replicas), signal.SIGKILL)
            self.kills += 1

    def publish(self):
        """A further version in the registry, as docs/formats.md describes it."""
        current = json.loads((self.registry / "current.json").read_text())
        self.version = current["number"] + 1
        file = f"versions/{self.version:06}-{self.options.model}.h5"
        shutil.copy(self.registry / f"candidates/{self.options.model}.h5", self.registry / file)
        current.update(number=self.version, file=file)
        (self.registry / "soak.json").write_text(json.dumps(current))
        os.replace(self.registry / "soak.json", self.registry / "current.json")


def main():
    options, more = arguments()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        peers.registry_with(options, options.model, folder / "run")
        with peers.Server("podium", options.model, options, more, folder) as server:
            load(options, server.port, folder, 1, "--bench.clients=32")
            capacity = load(options, server.port, folder, 5, "--bench.clients=32")["ours"]
            rate = f"--bench.rates={capacity / 2:.0f}"
            quiet = load(options, server.port, folder, options.quiet, "--bench.clients=0", rate)
            trouble = Trouble(server, folder / "run/registry", options)
            trouble.start()
            soak = load(options, server.port, folder, 60 * options.minutes, "--bench.clients=0", rate)
            trouble.ending.set()
            trouble.join()
        server.said.seek(0)
        served = json.loads(server.said.read().splitlines()[-1].split(" ", 1)[1])
    failed = peers.failed(soak) + peers.failed(quiet)
    ratio = soak["p99_ms"] / quiet["p99_ms"]
    print(f"{soak['requests']:,} requests at {capacity / 2:,.0f} of {capacity:,.0f} a second in "
          f"{options.minutes:g} minutes, {trouble.kills} kills, {trouble.version - 1} versions: "
          f"{failed} failed; p99 {soak['p99_ms']:.2f} ms, {ratio:.2f} of the quiet "
          f"{quiet['p99_ms']:.2f} ms; longest {soak['most_ms']:.1f} ms")
    print("PODIUM_RESULT " + json.dumps({
        "verb": "bench", "what": "serve_soak", "minutes": options.minutes, "rate": capacity / 2,
        "requests": soak["requests"], "failed": failed, "kills": trouble.kills,
        "versions": trouble.version - 1, "quiet_p99_ms": quiet["p99_ms"], "p99_ms": soak["p99_ms"],
        "p99_ratio": ratio, "limit": options.limit, "served": served}))
    return 1 if failed or ratio > options.limit else 0


if __name__ == "__main__":
    sys.exit(main())
