#!/usr/bin/env python3
"""Measures Podium's AllReduce beside Gloo's, as PyTorch brings it, on this machine.

    bench/make_peers.sh            once; makes build/peers with PyTorch
    bench/allreduce_vs_gloo.py     about two minutes; prints a table in Markdown

Both sum floats in place over as many processes, and take turns: a round is every size by one, then
by the other. A time is that of the slowest rank, on average over as many sums as fit in --seconds;
of the rounds the median is told. Gloo goes over the loopback device, one thread a rank, and its
processes sleep while Podium's run. Both check that their sums are right. Nothing else should run
on the machine. The last line is PODIUM_RESULT {...} with every row.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--podium", default=str(ROOT / "build/release/podium"))
    parser.add_argument("--python", default=str(ROOT / "build/peers/bin/python"),
                        help="one that has PyTorch")
    parser.add_argument("--ranks", type=int, nargs="+", default=[2, 4])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=0.05, help="of sums, for each time")
    parser.add_argument("--min-bytes", type=int, default=1 << 10)
    parser.add_argument("--max-bytes", type=int, default=64 << 20)
    parser.add_argument("--factor", type=int, default=4)
    parser.add_argument("--gloo-rank", type=int, help=argparse.SUPPRESS)  # a process of Gloo's
    parser.add_argument("--gloo-store", help=argparse.SUPPRESS)
    return parser.parse_args()


def sizes(options):
    size = options.min_bytes
    while size <= options.max_bytes:
        yield size
        size *= options.factor


# --- Gloo ----------------------------------------------------------------------------------------

def gloo_process(options):
    """One rank: for each line on stdin a round; rank 0 answers with {bytes: seconds}."""
    import torch
    import torch.distributed as group
    torch.set_num_threads(1)
    ranks = options.ranks[0]
    group.init_process_group("gloo", init_method=f"file://{options.gloo_store}",
                             rank=options.gloo_rank, world_size=ranks)

    def slowest(seconds):
        value = torch.tensor([seconds], dtype=torch.float64)
        group.all_reduce(value, group.ReduceOp.MAX)
        return value.item()

    def time_of(values, rounds):
        group.barrier()
        started = time.perf_counter()
        for _ in range(rounds):
            group.all_reduce(values)
        return slowest(time.perf_counter() - started) / rounds

    def measure(size):
        values = torch.arange(size // 4, dtype=torch.float32).remainder_(97) + options.gloo_rank
        expected = (values - options.gloo_rank) * ranks + ranks * (ranks - 1) // 2
        group.all_reduce(values)
        if not torch.equal(values, expected):
            sys.exit("Gloo's sum is wrong")
        values.zero_()
        guess = time_of(values, 1)
        return time_of(values, max(1, min(2000, int(options.seconds / guess))))

    if options.gloo_rank == 0:
        print(json.dumps({"torch": torch.__version__}), flush=True)
    for _ in sys.stdin:
        times = {size: measure(size) for size in sizes(options)}
        if options.gloo_rank == 0:
            print(json.dumps(times), flush=True)


class Gloo:
    def __init__(self, options, ranks, folder):
        environment = dict(os.environ, GLOO_SOCKET_IFNAME="lo", OMP_NUM_THREADS="1")
        command = [options.python, __file__, *sys.argv[1:], "--ranks", str(ranks),
                   "--gloo-store", f"{folder}/store"]
        self.processes = [
            subprocess.Popen(command + ["--gloo-rank", str(rank)], env=environment, text=True,
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            for rank in range(ranks)]
        self.torch = self.answer()["torch"]

    def answer(self):
        line = self.processes[0].stdout.readline()
        if not line:
            sys.exit("Gloo's first process ended; its message is above (bench/make_peers.sh)")
        return json.loads(line)

    def round(self):
        for process in self.processes:
            process.stdin.write("round\n")
            process.stdin.flush()
        return {int(size): seconds for size, seconds in self.answer().items()}

    def end(self):
        for process in self.processes:
            process.stdin.close()
            process.wait(timeout=30)


# --- Podium --------------------------------------------------------------------------------------

def podium_round(options, ranks):
    command = [ROOT / "scripts/mpirun.sh", "-n", str(ranks), options.podium, "bench", "allreduce",
               "--bench.algorithms=auto", "--bench.repetitions=1",
               f"--bench.seconds={options.seconds}", f"--bench.min_bytes={options.min_bytes}",
               f"--bench.max_bytes={options.max_bytes}", f"--bench.factor={options.factor}"]
    done = subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if done.returncode != 0:
        sys.exit(f"podium bench allreduce failed:\n{done.stderr}")
    rows = json.loads(done.stdout.splitlines()[-1].split(" ", 1)[1])["rows"]
    if any(row["wrong"] for row in rows):
        sys.exit("Podium's sum is wrong")
    return {row["bytes"]: row["ours"] * 1e-6 for row in rows}


def compare(options, ranks):
    ours, theirs = [], []
    with tempfile.TemporaryDirectory() as folder:
        gloo = Gloo(options, ranks, folder)
        for _ in range(options.rounds):
            theirs.append(gloo.round())
            ours.append(podium_round(options, ranks))
        gloo.end()
    rows = []
    for size in sizes(options):
        our_s = statistics.median(times[size] for times in ours)
        their_s = statistics.median(times[size] for times in theirs)
        ratios = [their[size] / our[size] for our, their in zip(ours, theirs)]
        rows.append({"what": f"allreduce, {size} bytes, {ranks} ranks", "unit": "us",
                     "ranks": ranks, "bytes": size, "ours": our_s * 1e6, "theirs": their_s * 1e6,
                     "ratio": statistics.median(ratios), "least_ratio": min(ratios),
                     "most_ratio": max(ratios)})
    return gloo.torch, rows


def main():
    options = arguments()
    if options.gloo_rank is not None:
        gloo_process(options)
        return
    rows = []
    print("| ranks | bytes | Podium, µs | Gloo, µs | ratio | least to most |\n|---|---|---|---|---|---|")
    for ranks in options.ranks:
        torch, fresh = compare(options, ranks)
        rows += fresh
        for row in fresh:
            print(f"| {ranks} | {row['bytes']:,} | {row['ours']:,.1f} | {row['theirs']:,.1f} "
                  f"| {row['ratio']:.2f} | {row['least_ratio']:.2f} to {row['most_ratio']:.2f} |",
                  flush=True)
    result = {"verb": "bench", "what": "allreduce_vs_gloo", "torch": torch,
              "rounds": options.rounds, "rows": rows}
    print("PODIUM_RESULT " + json.dumps(result))


if __name__ == "__main__":
    main()
