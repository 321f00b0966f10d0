#!/usr/bin/env python3
"""Trains one model of an input file with several seeds, and tells mean and standard deviation.

    bench/accuracy_seeds.py --model cnn --seeds 1-5
    bench/accuracy_seeds.py --model resnet --seeds 1,2,3 --ranks 2 -- --model.resnet.epochs=12

Each seed is one `podium run` of that model alone: the recipe of the input file, its validation
split, and the test split, touched once at the end. What stands after `--` is passed on to podium.

Finished seeds are kept, one JSON object a line, in build/seeds/MODEL-HASH.jsonl, where HASH stands
for everything but the seed. The same command goes on after an interruption; a seed that was cut
short goes on from its checkpoint. The last line is a row of a Markdown table: test accuracy,
validation accuracy and seconds of training, each as mean and standard deviation over the seeds.
"""
import argparse
import hashlib
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys

STOPPED_EARLY = 75
MOST_SEEDS = 1000
ROOT = pathlib.Path(__file__).resolve().parent.parent
HEADING = ("| model | seeds | test accuracy, % | validation accuracy, % | training, s "
           "| parameters | command |\n|---|---|---|---|---|---|---|")


def seed_list(text):
    """"1-3,7" is [1, 2, 3, 7]."""
    seeds = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        seeds |= set(range(int(first), min(int(last or first), int(first) + MOST_SEEDS) + 1))
    if not 0 < len(seeds) <= MOST_SEEDS:
        raise argparse.ArgumentTypeError(f"'{text}' names no seeds, or more than {MOST_SEEDS}")
    return sorted(seeds)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("config", nargs="?", default="inputs/fashion_mnist.cfg")
    parser.add_argument("--model", required=True)
    parser.add_argument("--seeds", type=seed_list, default=[1, 2, 3, 4, 5], metavar="1-5")
    parser.add_argument("--ranks", type=int, default=1)
    parser.add_argument("--threads", type=int, default=0, help="of a trainer; 0: Podium chooses")
    parser.add_argument("--podium", default="build/release/podium")
    parser.add_argument("--folder", default="build/seeds", help="of results and run folders")
    own, passed_on = sys.argv[1:], []
    if "--" in own:
        at = own.index("--")
        own, passed_on = own[:at], own[at + 1:]
    options = parser.parse_args(own)
    if not (ROOT / options.podium).is_file():
        parser.error(f"there is no {options.podium}; build it, or name it by --podium")
    options.passed_on = passed_on
    return options


def command_of(options, seed, run_dir):
    command = ["scripts/mpirun.sh", "-n", str(options.ranks), options.podium, "run", options.config,
               f"--run.models={options.model}", f"--train.seed={seed}", f"--run.dir={run_dir}",
               "--serve.port=0", "--serve.replicas=1", f"--train.threads={options.threads}"]
    return command + options.passed_on


def identity(options):
    """What else than the seed decides the results: the configuration in full, and the ranks."""
    command = command_of(options, 0, "run")
    config = subprocess.run(command[3:] + ["--print-config"], cwd=ROOT, capture_output=True,
                            text=True, check=False)
    if config.returncode != 0:
        sys.exit(config.stderr.strip() or f"{options.podium} --print-config failed")
    text = f"{options.ranks}\n{config.stdout}"
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def read_finished(path):
    """Result by seed. A line that was cut short by a crash is no result."""
    finished = {}
    if path.exists():
        for line in path.read_text().splitlines():
            try:
                entry = json.loads(line)
                finished[entry["seed"]] = entry
            except (json.JSONDecodeError, KeyError):
                print(f"{path}: skipped a damaged line", file=sys.stderr)
    return finished


def append_line(path, entry):
    with open(path, "a+", encoding="utf-8") as file:
        file.seek(0)
        content = file.read()
        if content and not content.endswith("\n"):
            file.write("\n")  # what a crash cut short stays a line of its own
        file.write(json.dumps(entry) + "\n")
        file.flush()
        os.fsync(file.fileno())


def train(options, seed, run_dir):
    """The entry of one seed; exits with podium's code when it fails or is stopped."""
    job = subprocess.Popen(command_of(options, seed, run_dir), cwd=ROOT, stdout=subprocess.PIPE,
                           text=True)
    try:
        output, _ = job.communicate()
    except KeyboardInterrupt:  # the job has got it too, and stops at a checkpoint
        output, _ = job.communicate()
    if job.returncode != 0:
        advice = "; the same command goes on" if job.returncode == STOPPED_EARLY else ""
        print(f"seed {seed}: podium ended with {job.returncode}{advice}", file=sys.stderr)
        sys.exit(job.returncode)
    results = [line for line in output.splitlines() if line.startswith("PODIUM_RESULT ")]
    result = json.loads(results[-1].removeprefix("PODIUM_RESULT "))
    build = hashlib.sha256((ROOT / options.podium).read_bytes()).hexdigest()[:12]
    return {"seed": seed, "ranks": options.ranks, "build": build, **result["models"][0]}


def spread(values, scale, digits):
    mean = statistics.mean(values) * scale
    deviation = statistics.stdev(values) * scale if len(values) > 1 else 0.0
    return f"{mean:.{digits}f} ± {deviation:.{digits}f}"


def row(options, entries):
    words = ["bench/accuracy_seeds.py"]
    if options.config != "inputs/fashion_mnist.cfg":
        words.append(options.config)
    words += ["--model", options.model, "--seeds", ",".join(str(e["seed"]) for e in entries)]
    if options.ranks != 1:
        words += ["--ranks", str(options.ranks)]
    if options.threads != 0:
        words += ["--threads", str(options.threads)]
    if options.passed_on:
        words += ["--", *options.passed_on]
    return (f"| {options.model} | {len(entries)} "
            f"| {spread([e['test_accuracy'] for e in entries], 100, 2)} "
            f"| {spread([e['val_accuracy'] for e in entries], 100, 2)} "
            f"| {spread([e['train_s'] for e in entries], 1, 1)} "
            f"| {entries[0]['parameters']:,} | `{' '.join(words)}` |")


def main():
    options = arguments()
    name = f"{options.model}-{identity(options)}"
    folder = ROOT / options.folder
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.jsonl"
    finished = read_finished(path)
    for seed in options.seeds:
        if seed in finished:
            continue
        run_dir = folder / f"{name}-{seed}"
        finished[seed] = train(options, seed, run_dir)
        append_line(path, finished[seed])
        shutil.rmtree(run_dir)
        print(f"seed {seed}: test accuracy {finished[seed]['test_accuracy']:.4f}, "
              f"{finished[seed]['train_s']:.1f} s", file=sys.stderr)
    if len({finished[seed]["build"] for seed in options.seeds}) > 1:
        print(f"warning: these seeds were trained by different builds; remove {path} to train all "
              "by this one", file=sys.stderr)
    print(HEADING)
    print(row(options, [finished[seed] for seed in options.seeds]))


if __name__ == "__main__":
    main()
