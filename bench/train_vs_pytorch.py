#!/usr/bin/env python3
"""Measures Podium beside PyTorch on this machine: training, prediction, and two ranks against one.

    bench/make_peers.sh                       once; makes build/peers with PyTorch
    bench/train_vs_pytorch.py                 about 15 minutes
    bench/train_vs_pytorch.py --quick         about two, rough
    bench/train_vs_pytorch.py --device=cuda   on a GPU

The models are those of the input file, built for PyTorch from the same architecture text. Both
sides train on the same records, in whole steps: batches by index from memory, normalisation,
forward, backward, SGD with Nesterov momentum and weight decay; no augmentation. They take turns;
the ratio is the median of the paired ratios, with the smallest and largest beside it. PyTorch runs
in the faster of its two memory formats, eager; torch.compile is a column of its own. Podium's
FLOPs are counted as `podium bench nn` says; the peak is a large convolution by oneDNN, the better
of a measurement before and one after the rest.

PyTorch gets and returns the memory of large tensors in every step, which glibc by default hands
back to the system each time; that makes it slower at large batches. It runs with glibc told to
keep it (KEEP_MEMORY), which PyTorch's tuning guide reaches by other allocators; --stock-malloc
leaves that out. Podium allocates nothing in a step.

On a GPU both keep the training images in its memory, and each precision is measured: fp32 with TF32
products, and bf16 (autocast). PyTorch runs in the faster of its two memory formats, eager and
compiled by mode max-autotune, which records CUDA graphs; each has a column. Predictions, fp32, begin
and end in the host's memory. There is no FLOP peak beside it.

Both get OMP_NUM_THREADS. Nothing else should run on the machine. The last line is
PODIUM_RESULT {...} with every row.
"""
import argparse
import configparser
import itertools
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
PEERS_PYTHON = ROOT / "build/peers/bin/python"
KEEP_MEMORY = {"GLIBC_TUNABLES": "glibc.malloc.mmap_max=0:glibc.malloc.trim_threshold=0x7fffffff"}
LAYOUTS = ["contiguous", "channels_last"]
RANK_BATCH = 128  # images a step of one rank alone; two share as many, or have as many each
PREDICTORS = LAYOUTS + ["frozen", "frozen channels_last"]
GPU_PREDICTORS = LAYOUTS + ["compiled channels_last"]


def say(*words):
    print(*words, file=sys.stderr, flush=True)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("config", nargs="?", default=str(ROOT / "inputs/fashion_mnist.cfg"))
    parser.add_argument("--podium", default=str(ROOT / "build/release/podium"))
    parser.add_argument("--python", default=str(PEERS_PYTHON), help="one that has PyTorch")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--precisions", default="", help="of training; default: fp32, "
                        "on a GPU fp32,bf16")
    parser.add_argument("--models", default="", help="default: run.models of the input file")
    parser.add_argument("--batches", default="128,512")
    parser.add_argument("--predict-batches", default="1,256")
    parser.add_argument("--threads", default="", help="default: 1,2; on a GPU 1")
    parser.add_argument("--repetitions", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=2, help="of one measurement")
    parser.add_argument("--parts", default="", help="default: train,predict,ranks; no ranks on a GPU")
    parser.add_argument("--compile-batches", default="128",
                        help="for which torch.compile is measured too; it takes half a minute each")
    parser.add_argument("--stock-malloc", action="store_true",
                        help="PyTorch with glibc's malloc as it is by default")
    parser.add_argument("--quick", action="store_true",
                        help="one batch size of each kind, 2 short repetitions, no compilation")
    options = parser.parse_args()
    on_gpu = options.device == "cuda"
    options.threads = options.threads or ("1" if on_gpu else "1,2")
    options.parts = options.parts or ("train,predict" if on_gpu else "train,predict,ranks")
    options.precisions = (options.precisions or ("fp32,bf16" if on_gpu else "fp32")).split(",")
    if options.quick:
        options.repetitions, options.seconds = 2, 1.0
        options.batches, options.predict_batches, options.compile_batches = "128", "256", ""
    for name in ("batches", "predict_batches", "compile_batches", "threads"):
        setattr(options, name, [int(n) for n in getattr(options, name).split(",") if n])
    return options


class Podium:
    """Runs the executable and gives the JSON of its result line."""

    def __init__(self, options, cache):
        self.options, self.cache = options, cache

    def output(self, words, threads=1, launcher=()):
        environment = dict(os.environ, OMP_NUM_THREADS=str(threads))
        command = [*launcher, self.options.podium, *words]
        try:
            done = subprocess.run(command, env=environment, capture_output=True, text=True,
                                  check=False)
        except OSError as error:
            sys.exit(f"cannot start {command[0]}: {error.strerror}; build it, or name it by --podium")
        if done.returncode != 0:
            sys.exit(f"{' '.join(command)} failed ({done.returncode}):\n{done.stderr[-2000:]}")
        return done.stdout

    def result(self, words, threads=1, launcher=()):
        words = [words[0], *words[1:], f"--io.cache_dir={self.cache}", "--log.level=warning"]
        last = self.output(words, threads, launcher).strip().splitlines()[-1]
        return json.loads(last.removeprefix("PODIUM_RESULT "))

    def recipes(self):
        """Architecture text by model name, in the order of run.models."""
        config = configparser.ConfigParser(interpolation=None)
        text = self.output(["run", self.options.config, "--print-config"])
        config.read_string("[general]\n" + text)  # keys without a section come first
        recipes = {}
        for name in (self.options.models or config["run"]["models"]).split(","):
            section = f"model.{name.strip()}"
            if not config.has_option(section, "arch"):
                sys.exit(f"{self.options.config} has no architecture of '{name.strip()}'; "
                         f"give arch in [{section}]")
            recipes[name.strip()] = config[section]["arch"]
        return recipes

    def ingest(self):
        return self.result(["ingest", self.options.config])["cache"]

    def peaks(self):
        """FLOPs a second by number of threads; none on a GPU."""
        if self.options.device == "cuda":
            return {}
        threads = ",".join(map(str, self.options.threads))
        rows = self.bench(["--bench.batches=none", "--bench.predict_batches=none",
                           f"--bench.threads={threads}"], max(self.options.threads))
        return {n: row["ours"] * 1e9 for n, row in zip(self.options.threads, rows)}

    def bench(self, words, threads):
        return self.result(["bench", "nn", self.options.config, *words,
                            f"--device={self.options.device}"], threads)["rows"]

    def pace(self, do, model, precision, batch, threads, seconds):
        """Images a second, and the FLOPs that one image counts."""
        train, predict = (batch, "none") if do == "train" else ("none", batch)
        row = self.bench([f"--run.models={model}", f"--train.precision={precision}",
                          f"--bench.threads={threads}",
                          f"--bench.batches={train}", f"--bench.predict_batches={predict}",
                          "--bench.peak=false", "--bench.repetitions=1",
                          f"--bench.seconds={seconds}"], threads)[0]
        return row["ours"], float(row["note"].split()[0])


class Torch:
    """A torch_peer.py with its own number of threads."""

    def __init__(self, options, cache, threads):
        environment = dict(os.environ, OMP_NUM_THREADS=str(threads),
                           **({} if options.stock_malloc else KEEP_MEMORY))
        self.process = subprocess.Popen(
            [options.python, str(ROOT / "bench/torch_peer.py"), cache, options.device],
            env=environment, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.hello = self.read()

    def read(self):
        line = self.process.stdout.readline()
        if not line:
            sys.exit("torch_peer.py ended early; its message is above")
        return json.loads(line)

    def ask(self, do, arch, batch, variant, seconds):
        request = {"do": do, "arch": arch, "batch": batch, "variant": variant, "seconds": seconds}
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        answer = self.read()
        if "error" in answer:
            say(f"  PyTorch, {variant}: {answer['error']}")
        return answer.get("images_per_s")

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def compare(ours, theirs, repetitions):
    """Turns of both; medians, and the median, least and largest of the paired ratios."""
    pairs = []
    for _ in range(repetitions):
        pairs.append((ours(), theirs()))
    ratios = sorted(a / b for a, b in pairs)
    return {"ours": statistics.median(a for a, _ in pairs),
            "theirs": statistics.median(b for _, b in pairs),
            "ratio": statistics.median(ratios), "least": ratios[0], "largest": ratios[-1]}


def variants_of(do, options, precision):
    """In which ways PyTorch is tried."""
    if do == "train":
        return [v if precision == "fp32" else f"{precision} {v}" for v in LAYOUTS]
    return GPU_PREDICTORS if options.device == "cuda" else PREDICTORS


def measure(do, podium, peer, name, arch, precision, batch, threads):
    options = podium.options
    seconds = options.seconds if do == "train" else options.seconds / 2
    variants = variants_of(do, options, precision)
    tries = [{v: peer.ask(do, arch, batch, v, seconds / 2) for v in variants} for _ in range(2)]
    others = {v: max(t[v] for t in tries) if tries[0][v] else None for v in variants}
    best = max((v for v in variants if others[v]), key=others.get)
    flops = []

    def ours():
        pace, each = podium.pace(do, name, precision, batch, threads, seconds)
        flops.append(each)
        return pace

    row = {"part": do, "model": name, "precision": precision, "batch": batch, "threads": threads,
           **compare(ours, lambda: peer.ask(do, arch, batch, best, seconds), options.repetitions),
           "theirs_best": best, "theirs_variants": others}
    row["flops_per_s"] = row["ours"] * flops[0]
    if do == "train" and batch in options.compile_batches:
        compiled = [peer.ask(do, arch, batch, f"compiled {best}", seconds) for _ in range(2)]
        if all(compiled):
            row["theirs_compiled"] = max(compiled)
            row["ratio_compiled"] = row["ours"] / row["theirs_compiled"]
    say(f"{do} {name}, {precision}, batch {batch}, {threads} thread(s): {row['ours']:.0f} against "
        f"{row['theirs']:.0f} ({best}), ratio {row['ratio']:.2f}")
    return row


def measure_ranks(podium, name, arch, batch):
    """`podium train` by two ranks of one thread and `batch` images a step, against one of RANK_BATCH."""
    records = 6000 if podium.options.quick else 12000
    with tempfile.TemporaryDirectory() as folder:
        count = 0

        def pace(ranks, images):
            nonlocal count
            count += 1
            launcher = (str(ROOT / "scripts/mpirun.sh"), "-n", str(ranks))
            epochs = 8 if "conv" not in arch else 1
            return podium.result(
                ["train", podium.options.config, f"--train.model={name}", "--train.threads=1",
                 f"--io.source=synthetic:{records},28,28,1,10", "--io.validation=500",
                 f"--model.{name}.epochs={epochs}", f"--model.{name}.batch={images}",
                 "--ckpt.every=never",
                 f"--run.dir={folder}/{count}"], 1, launcher)["images_per_s"]

        pace(1, RANK_BATCH)  # builds the cache
        row = compare(lambda: pace(2, batch), lambda: pace(1, RANK_BATCH),
                      podium.options.repetitions)
    say(f"ranks {name}, {batch} images a step: {row['ours']:.0f} by 2 against {row['theirs']:.0f} by 1, "
        f"ratio {row['ratio']:.2f}")
    return {"part": "ranks", "model": name, "batch": batch, **row}


def range_text(row):
    return f"{row['ratio']:.2f} ({row['least']:.2f}–{row['largest']:.2f})"


def number(value):
    return "-" if value is None else f"{value:,.0f}" if value >= 10 else f"{value:.2f}"


def training_table(rows):
    lines = ["| model | precision | batch | threads | Podium, images/s | PyTorch, images/s | its format "
             "| ratio (range) | % of FLOP peak | compiled PyTorch, images/s | ratio |",
             "|---" * 11 + "|"]
    for row in rows:
        ratio, share = row.get("ratio_compiled"), row.get("peak_share")
        lines.append(
            f"| {row['model']} | {row['precision']} | {row['batch']} | {row['threads']} "
            f"| {number(row['ours'])} | {number(row['theirs'])} | {row['theirs_best']} "
            f"| {range_text(row)} | {'-' if share is None else f'{100 * share:.1f}'} "
            f"| {number(row.get('theirs_compiled'))} | {'-' if ratio is None else f'{ratio:.2f}'} |")
    return lines


def prediction_table(rows):
    variants = list(rows[0]["theirs_variants"]) if rows else PREDICTORS
    lines = ["| model | batch | threads | Podium, images/s | PyTorch's best, images/s | ratio (range) "
             "| " + " | ".join(variants) + " |", "|---" * (6 + len(variants)) + "|"]
    for row in rows:
        others = " | ".join(number(row["theirs_variants"][v]) for v in variants)
        lines.append(f"| {row['model']} | {row['batch']} | {row['threads']} | {number(row['ours'])} "
                     f"| {number(row['theirs'])} | {range_text(row)} | {others} |")
    return lines


def ranks_table(rows):
    lines = ["| model | images a step of 2 ranks | 2 ranks, images/s "
             f"| 1 rank, {RANK_BATCH} a step, images/s | ratio (range) |", "|---|---|---|---|---|"]
    return lines + [f"| {row['model']} | {row['batch']} | {number(row['ours'])} | {number(row['theirs'])} "
                    f"| {range_text(row)} |" for row in rows]


def processor():
    for line in pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return f"{line.split(':')[1].strip()}, {os.cpu_count()} cores"
    return f"{os.cpu_count()} cores"


def main():
    options = arguments()
    parts = options.parts.split(",")
    (ROOT / "build").mkdir(exist_ok=True)
    if not pathlib.Path(options.python).exists():
        sys.exit(f"there is no {options.python}; run bench/make_peers.sh first, or set --python")
    load = os.getloadavg()[0]
    if load > 0.3:
        say(f"warning: the machine is busy (load {load:.1f}); the figures will be wrong")
    podium = Podium(options, ROOT / "build/bench-cache")
    recipes = podium.recipes()
    cache = podium.ingest()
    peaks = podium.peaks()
    rows, version, machine = [], "", processor()
    for threads in options.threads:
        peer = Torch(options, cache, threads)
        version, machine = peer.hello["torch"], peer.hello.get("gpu", machine)
        for do, batches, precisions in (("train", options.batches, options.precisions),
                                        ("predict", options.predict_batches, ["fp32"])):
            for name, arch in recipes.items() if do in parts else ():
                for precision, batch in itertools.product(precisions, batches):
                    rows.append(measure(do, podium, peer, name, arch, precision, batch, threads))
        peer.close()
    if "ranks" in parts:
        rows += [measure_ranks(podium, name, arch, batch)
                 for name, arch in recipes.items() for batch in (RANK_BATCH, 2 * RANK_BATCH)]

    peaks = {threads: max(peak, peaks[threads]) for threads, peak in podium.peaks().items()}
    for row in rows:
        if "flops_per_s" in row and row["precision"] == "fp32" and peaks:
            row["peak_share"] = row["flops_per_s"] / peaks[row["threads"]]

    of = {part: [row for row in rows if row["part"] == part] for part in parts}
    limits = ", ".join(f"{peak / 1e9:.0f} by {threads} thread(s)" for threads, peak in peaks.items())
    print(f"{machine}, load {load:.1f} at the start; PyTorch {version}"
          + (f"; FLOP peak in GFLOP/s: {limits}" if limits else ""))
    tables = {"train": ("Training", training_table), "predict": ("Prediction", prediction_table),
              "ranks": ("Training by 2 ranks of 1 thread, against 1", ranks_table)}
    for part in parts:
        title, table = tables[part]
        print(f"\n### {title}\n\n" + "\n".join(table(of[part])))
    print("\nPODIUM_RESULT " + json.dumps(
        {"verb": "bench", "what": "train_vs_pytorch", "torch": version, "machine": machine,
         "device": options.device, "load": load,
         "peaks_gflops": {str(n): peak / 1e9 for n, peak in peaks.items()}, "rows": rows}))


if __name__ == "__main__":
    main()
