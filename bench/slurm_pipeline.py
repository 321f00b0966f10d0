#!/usr/bin/env python3
"""How long the pipeline takes on Slurm until its first model serves, done at once and step by step, and done again.

usage: bench/slurm_pipeline.py RUN_FOLDER [--input=inputs/fashion_mnist.cfg] [--kills=N] [--seed=1] [podium options]

Needs a Slurm: eval "$(scripts/virtual_cluster.sh env)". Rows, in seconds from the submission:

  sequential   one job after another, nothing reused, the service behind all: as if there were no memo
  first        slurm/pipeline.sh in a fresh run folder
  second       slurm/pipeline.sh again, data and configuration unchanged, no service running
  third        the same while the service runs; "job s" is the time that its jobs ran, summed

With --kills there are two pipelines in fresh folders instead: one undisturbed, and one that is disturbed so many times
by SIGKILL of a node or of the processes of a job, at random; it must select the same model. Gaps are the times in which
no service answered. Nodes are those of scripts/virtual_cluster.sh, of which processes are seen and killed from outside.
"""
import contextlib
import json
import os
import pathlib
import random
import re
import signal
import subprocess
import sys
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent


def run(*words, check=True, **more):
    done = subprocess.run(words, capture_output=True, text=True, cwd=ROOT, **more)
    if check and done.returncode != 0:
        sys.exit(f"{' '.join(words)}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


class Watch:
    """What has happened in a run folder since `begin`."""

    def __init__(self, folder):
        self.folder, self.begin, self.seen = folder, time.monotonic(), {}

    def text(self, pattern):
        return "".join(path.read_text(errors="replace") for path in sorted(self.folder.glob(pattern)))

    def look(self):
        events = {
            "ingest": '"verb":"ingest"' in self.text(f"slurm-ingest-{self.jobs['ingest']}.out"),
            "first model": '"verb":"select"' in self.text(f"slurm-train-{self.jobs['train']}_*.out"),
            "service": "serve: version" in self.text(f"slurm-serve-{self.jobs['serve']}.out"),
            "all": '"verb":"select"' in self.text(f"slurm-compare-{self.jobs['compare']}.out"),
        }
        for name, happened in events.items():
            if happened:
                self.seen.setdefault(name, time.monotonic() - self.begin)

    def wait(self, names, limit, each=lambda: None):
        while not all(name in self.seen for name in names):
            if time.monotonic() - self.begin > limit:
                sys.exit(f"not within {limit} s: {[n for n in names if n not in self.seen]}\n{run('squeue')}")
            self.look()
            each()
            time.sleep(0.1)


def table_of(text):
    return {line.split()[0]: line.split()[1] for line in text.splitlines() if line.strip()}


def pipeline(folder, options):
    watch = Watch(folder)
    watch.jobs = table_of(run("slurm/pipeline.sh", *options))
    return watch


def sequential(folder, options):
    watch = Watch(folder)
    folder.mkdir(parents=True)
    options = [*options, "--memo=never"]

    def submit(step, *words):
        out = f"--output={folder}/slurm-{step}-" + ("%A_%a.out" if step == "train" else "%j.out")
        return run("sbatch", "--parsable", out, *words).strip()

    ingest = submit("ingest", "-n", "2", "slurm/ingest.sbatch", *options)
    train = submit("train", "--array=0-2%1", f"--dependency=afterok:{ingest}", "slurm/train.sbatch", *options)
    compare = submit("compare", f"--dependency=afterany:{train}", "slurm/compare.sbatch", *[
        option for option in options if not option.startswith("--memo")])
    serve = submit("serve", f"--dependency=afterok:{compare}", "slurm/serve.sbatch", options[0],
                   f"--run.dir={folder}")
    watch.jobs = {"ingest": ingest, "train": train, "compare": compare, "serve": serve}
    return watch


def job_seconds(jobs):
    """What the jobs ran, summed; of Slurm's own times, which are whole seconds."""
    total = 0
    for job in jobs:
        for text in run("scontrol", "show", "job", job).split("\n\n"):
            found = re.search(r"RunTime=(?:(\d+)-)?(\d+):(\d+):(\d+)", text)
            if found:
                days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
                total += ((days * 24 + hours) * 60 + minutes) * 60 + seconds
    return total


def selected(folder):
    comparison = json.loads((folder / "comparison.json").read_text())
    return [comparison["selected"], comparison["val_accuracy"]]


def processes_of(job):
    """Podium's processes of a job, on whatever node of the virtual cluster."""
    mine = f"SLURM_JOB_ID={job}".encode()
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if (folder / "comm").read_text().strip() == "podium" and mine in (folder / "environ").read_bytes().split(b"\0"):
                yield int(folder.name)
        except OSError:
            continue  # it has ended


class Trouble:
    """Deaths at random, and the times in which no service answered."""

    def __init__(self, kills, seed, watch):
        self.left, self.random, self.watch = kills, random.Random(seed), watch
        self.next, self.dead, self.gap_since, self.gaps, self.answered = 5.0, [], None, [], False

    def __call__(self):
        now = time.monotonic() - self.watch.begin
        for node, since in list(self.dead):
            if now - since > 15:
                run("scripts/virtual_cluster.sh", "revive", node)
                self.dead.remove((node, since))
        self.ask(now)
        if self.left == 0 or now < self.next:
            return
        self.next = now + self.random.uniform(5, 20)
        self.left -= 1
        nodes = run("sinfo", "--noheader", "--Node", "--format=%N").split()
        jobs = [job for job in run("squeue", "--noheader", "--me", "--states=running", "--format=%A").split()
                if any(processes_of(job))]
        if self.random.random() < 0.5 and not self.dead:
            node = self.random.choice(nodes)
            run("scripts/virtual_cluster.sh", "kill", node)
            self.dead.append((node, now))
            print(f"  {now:6.1f} s: {node} dies", flush=True)
        elif jobs:
            job = self.random.choice(jobs)
            for process in processes_of(job):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)
            print(f"  {now:6.1f} s: the processes of job {job} die", flush=True)
        else:
            self.left += 1

    def ask(self, now):
        found = re.findall(r"serving on (http://\S+?)/v2", self.watch.text(f"slurm-serve-{self.watch.jobs['serve']}.out"))
        alive = False
        if found:
            try:
                alive = urllib.request.urlopen(found[-1] + "/v2/health/live", timeout=1).status == 200
            except OSError:
                alive = False
        if alive:
            self.answered = True
            if self.gap_since is not None:
                self.gaps.append(now - self.gap_since)
            self.gap_since = None
        elif self.answered and self.gap_since is None:
            self.gap_since = now


def compare_with_kills(base, options, kills, seed, result):
    watch = pipeline(base / "calm", options("calm", "cache"))
    watch.wait(["service", "all"], 3600)
    run("scancel", watch.jobs["serve"])
    watch = pipeline(base / "killed", options("killed", "cache"))
    trouble = Trouble(kills, seed, watch)
    watch.wait(["all"], 3600, trouble)
    result["killed"] = {"kills": kills - trouble.left, "seconds": round(watch.seen["all"], 1),
                        "selected": selected(base / "killed"), "undisturbed": selected(base / "calm"),
                        "gaps_s": [round(gap, 1) for gap in trouble.gaps]}
    run("scancel", watch.jobs["serve"])
    print("PODIUM_RESULT " + json.dumps(result))
    if result["killed"]["selected"] != result["killed"]["undisturbed"]:
        sys.exit(1)


def main():
    words = sys.argv[1:]
    if not words or words[0] in ("-h", "--help"):
        print(__doc__)
        return
    base = pathlib.Path(words[0]).absolute()
    own = {name: value for name, value in (word[2:].split("=", 1) for word in words[1:] if re.match("--(input|kills|seed)=", word))}
    more = [word for word in words[1:] if not re.match("--(input|kills|seed)=", word)]
    source = own.get("input", "inputs/fashion_mnist.cfg")

    def options(folder, cache):
        return [source, f"--run.dir={base / folder}", f"--io.cache_dir={base / cache}", *more]

    rows, result = [], {"verb": "bench", "what": "slurm_pipeline", "rows": []}

    def note(name, watch, jobs=None):
        row = {"what": name, **{key: round(value, 2) for key, value in watch.seen.items()}, "unit": "s"}
        if jobs is not None:
            row["job_s"] = jobs
        rows.append(row)
        result["rows"].append(row)
        print(name, row, flush=True)

    everything = ["ingest", "first model", "service", "all"]
    kills = int(own.get("kills", 0))
    if kills:
        compare_with_kills(base, options, kills, int(own.get("seed", 1)), result)
        return
    watch = sequential(base / "sequential", options("sequential", "cache-sequential"))
    watch.wait(everything, 3600)
    note("sequential", watch)
    run("scancel", watch.jobs["serve"])

    watch = pipeline(base / "run", options("run", "cache"))
    watch.wait(everything, 3600)
    note("first", watch)
    run("scancel", watch.jobs["serve"])
    while run("squeue", "--noheader", "--me", "--format=%i").strip():
        time.sleep(0.5)

    watch = pipeline(base / "run", options("run", "cache"))
    watch.wait(everything, 600)
    note("second", watch)

    third = pipeline(base / "run", options("run", "cache"))
    third.wait(["ingest", "first model", "all"], 600)
    time.sleep(2)
    note("third", third, job_seconds(third.jobs[step] for step in ("ingest", "train", "compare")))
    run("scancel", watch.jobs["serve"])

    by = {row["what"]: row for row in rows}
    result["ratio_second_to_sequential"] = by["second"]["service"] / by["sequential"]["service"]
    print(f"\n{'':12}{'ingest':>9}{'model':>9}{'service':>9}{'all done':>9}")
    for row in rows:
        cells = (row.get(key) for key in everything)
        print(f"{row['what']:12}" + "".join(f"{cell:9.1f}" if cell is not None else f"{'':9}" for cell in cells))
    print(f"second to service / sequential: {result['ratio_second_to_sequential']:.1%}; third: {by['third']['job_s']} s of jobs")

    print("PODIUM_RESULT " + json.dumps(result))


if __name__ == "__main__":
    os.chdir(ROOT)
    main()
