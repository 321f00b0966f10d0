#!/usr/bin/env python3
"""Compares `podium serve` with PyTorch in Ray Serve and with ONNX Runtime in uvicorn.

    bench/make_peers.sh && bench/serve_vs_peers.py RUN_DIR        about two minutes a model

Serves the same weights, the candidates `--models` of RUN_DIR, by each in turn (bench/serve_peer.py),
with two replicas of one thread, one server at a time on all cores, and loads each by
`podium bench serve`: first a closed loop of --clients, whose requests per second are the capacity;
then an open loop, Poisson, at half the capacity of that server, whose p99 counts from the moment
when a request was due. With --at=slowest all get half the capacity of the slowest of them. Every
request is one image, as JSON of 784 numbers; with --body=raw its bytes. Medians over the
repetitions, in which the servers take turns. `ort, no server` is ONNX Runtime in a loop in one
process without HTTP, batches of one image: what a server cannot exceed by more than its cores and
its batches.

Further options go to podium serve. Nothing else should run. The last line is PODIUM_RESULT {...}.
"""
import argparse
import json
import pathlib
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
SERVERS = ("podium", "ort", "ray")
NAMES = {"podium": "Podium", "ray": "PyTorch in Ray Serve", "ort": "ONNX Runtime in uvicorn"}
PATIENCE = 90  # seconds for a server to start


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run_dir", type=pathlib.Path)
    parser.add_argument("--podium", default=str(ROOT / "build/release/podium"))
    parser.add_argument("--python", default=str(ROOT / "build/peers/bin/python"))
    parser.add_argument("--models", default="dense,cnn")
    parser.add_argument("--servers", default=",".join(SERVERS))
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3, help="of each measurement")
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--body", choices=("json", "raw"), default="json")
    parser.add_argument("--at", choices=("own", "slowest"), default="own")
    return parser.parse_known_args()


def podium(options, *more):
    """The result line of a verb."""
    job = subprocess.run([options.podium, *more], capture_output=True, text=True, check=False)
    if job.returncode != 0:
        sys.exit(f"serve_vs_peers.py: podium {more[0]} failed: {job.stderr.strip()}")
    return json.loads(job.stdout.splitlines()[-1].split(" ", 1)[1])


# --- Servers -------------------------------------------------------------------------------------

def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def registry_with(options, model, folder):
    """A run folder whose current version is the candidate `model`."""
    candidates = folder / "registry/candidates"
    candidates.mkdir(parents=True)
    shutil.copy(options.run_dir / f"registry/candidates/{model}.h5", candidates)
    podium(options, "select", f"--run.dir={folder}", f"--run.models={model}")


class Server:
    """One that serves `model` from `folder`, from here to the end of a `with`."""

    def __init__(self, kind, model, options, more, folder):
        self.port = free_port()
        if kind == "podium":
            command = [options.podium, "serve", f"--run.dir={folder}/run", "--serve.model=bench",
                       f"--serve.port={self.port}", "--serve.replicas=2", "--device=cpu", *more]
        else:
            suffix = "safetensors" if kind == "ray" else "onnx"
            command = [options.python, ROOT / "bench/serve_peer.py", kind,
                       f"{folder}/{model}.{suffix}", f"--port={self.port}"]
        self.said = open(folder / f"{kind}.log", "w+")
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=self.said,
                                        stderr=subprocess.STDOUT)

    def __enter__(self):
        deadline = time.monotonic() + PATIENCE
        while not self.answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.said.seek(0)
                sys.exit("serve_vs_peers.py: a server does not start:\n" + self.said.read()[-2000:])
            time.sleep(0.1)
        return self

    def answers(self):
        self.said.seek(0)
        text = self.said.read()
        return "serving on http://" in text or "ready\n" in text

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
        self.process.stdin.close()


# --- Measurements --------------------------------------------------------------------------------

def load(options, kind, port, folder, *more):
    """The row of `podium bench serve` for one load."""
    command = ["bench", "serve", f"--bench.server=127.0.0.1:{port}", "--serve.model=bench",
               f"--bench.seconds={options.seconds}", "--bench.repetitions=1", *more]
    token = pathlib.Path(folder) / "run/serve.token"  # where requests must show one
    if kind == "podium" and token.exists():
        command += [f"--bench.token_file={token}"]
    if kind == "podium" and options.body == "raw":
        command += ["--bench.request=binary"]
    else:
        command += ["--bench.path=/v2/models/bench/infer", f"--bench.body={folder}/body",
                    "--bench.content_type=application/" +
                    ("json" if options.body == "json" else "octet-stream")]
    rows = podium(options, *command)["rows"]
    return rows[0]


def failed(row):
    return sum(row["failed"].values())


def measure(options, kind, port, folder, rate=None):
    load(options, kind, port, folder, "--bench.seconds=0.5", f"--bench.clients={options.clients}")
    most = load(options, kind, port, folder, f"--bench.clients={options.clients}")
    half = rate or most["ours"] / 2
    calm = load(options, kind, port, folder, "--bench.clients=0", f"--bench.rates={half:.0f}")
    return {"per_second": most["ours"], "closed_p99_ms": most["p99_ms"], "asked": half,
            "p50_ms": calm["p50_ms"], "p99_ms": calm["p99_ms"], "failed": failed(most) + failed(calm)}


def without_a_server(options, model, folder):
    """Requests per second of ONNX Runtime in one process, one image at a time."""
    program = (
        "import sys, time, numpy, pathlib; sys.path.insert(0, sys.argv[1]); import serve_peer as s\n"
        "session = s.ort_session(sys.argv[2]); shape = [1] + session.get_inputs()[0].shape[1:]\n"
        "image = numpy.zeros(shape, numpy.uint8); count = 0; end = time.monotonic() + 1\n"
        "while time.monotonic() < end:\n"
        "    session.run(['probabilities'], {'images': image}); count += 1\n"
        "print(count)\n")
    job = subprocess.run([options.python, "-c", program, ROOT / "bench", f"{folder}/{model}.onnx"],
                         capture_output=True, text=True, check=True)
    return float(job.stdout)


def medians(found):
    return {key: statistics.median(each[key] for each in found) for key in found[0]} | {
        "failed": sum(each["failed"] for each in found),
        "spread": (max(e["per_second"] for e in found) - min(e["per_second"] for e in found)) /
                  statistics.median(e["per_second"] for e in found)}


def compare(options, more, model, folder):
    registry_with(options, model, folder / "run")
    for suffix in ("onnx", "safetensors"):
        podium(options, "export", f"--model={options.run_dir}/registry/candidates/{model}.h5",
               f"--output={folder}/{model}.{suffix}")
    image = [(7 * i) % 256 for i in range(784)]
    text = json.dumps({"inputs": [{"name": "image", "datatype": "UINT8", "shape": [1, 28, 28, 1],
                                   "data": image}]})
    (folder / "body").write_bytes(text.encode() if options.body == "json" else bytes(image))
    servers = options.servers.split(",")
    found, rate = {kind: [] for kind in servers}, None
    for _ in range(options.repetitions):
        for kind in reversed(servers):  # the slowest first, when the others get its half
            with Server(kind, model, options, more, folder) as server:
                found[kind].append(measure(options, kind, server.port, folder, rate))
            if options.at == "slowest" and rate is None and kind == "ray":
                rate = found[kind][0]["per_second"] / 2
    alone = without_a_server(options, model, folder)
    return [{"model": model, "server": kind, **medians(rows)} for kind, rows in found.items()], alone


def main():
    options, more = arguments()
    rows = []
    print(f"| model | server | requests/s | spread | asked/s | p50, ms | p99, ms | failed |\n"
          "|---|---|---|---|---|---|---|---|")
    for model in options.models.split(","):
        with tempfile.TemporaryDirectory() as folder:
            found, alone = compare(options, more, model, pathlib.Path(folder))
        for row in found:
            print(f"| {model} | {NAMES[row['server']]} | {row['per_second']:,.0f} | "
                  f"{row['spread']:.0%} | {row['asked']:,.0f} | {row['p50_ms']:.2f} | "
                  f"{row['p99_ms']:.2f} | {row['failed']} |")
            ours = found[0]
            if row is not ours and ours["server"] == "podium":
                row["ratio"] = ours["per_second"] / row["per_second"]
                row["p99_ratio"] = ours["p99_ms"] / row["p99_ms"]
        print(f"| {model} | ONNX Runtime, one process, no server | {alone:,.0f} | | | | | |")
        for row in found[1:]:
            if "ratio" in row:
                print(f"\n{model}: {row['ratio']:.1f} times the requests per second of "
                      f"{NAMES[row['server']]}, {row['p99_ratio']:.2f} of its p99", end="")
        print(flush=True)
        rows += found
    print("PODIUM_RESULT " + json.dumps({"verb": "bench", "what": "serve_vs_peers",
                                         "body": options.body, "rows": rows}))
    return 1 if any(row["failed"] for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
