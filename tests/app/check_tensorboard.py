#!/usr/bin/env python3
"""Reads a run folder's event files with TensorBoard's own package, and with tbparse where there is one.

usage: check_tensorboard.py RUN CURVES

CURVES says what is drawn, as JSON: {EVENT: {"owner": KEY or TEXT, "step": KEY, "keys": [KEY, ...]}}.
Every curve must hold what metrics.jsonl holds, as float32; of a job that was killed the last event
may be missing. Prints one JSON object: versions, files, and how many values were compared. Exits 1
with a reason when something is not as it must be. Needs tensorboard and numpy.
"""
import importlib.metadata
import json
import pathlib
import sys

import numpy as np
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator


def require(condition, reason):
    if not condition:
        sys.exit(f"check_tensorboard.py: {reason}")


def told(metrics, curves):
    """[(tag, step, value)] in the order of metrics.jsonl, and the tags of each job's last event."""
    values, ended = [], set()
    for line in metrics.read_text().splitlines():
        try:
            event = json.loads(line)
        except ValueError:  # of a job that was killed
            continue
        if event["event"] == "ended":
            ended.add(event["job"])
        curve = curves.get(event["event"])
        if curve is None:
            continue
        owner = event.get(curve["owner"], curve["owner"])
        for key in curve["keys"]:
            if event.get(key) is not None:
                values.append((event["job"], f"{owner}/{key}", event[curve["step"]], event[key]))
    jobs = list(dict.fromkeys(job for job, *_ in values))
    return [[value[1:] for value in values if value[0] == job] for job in jobs], \
           [job in ended for job in jobs]


def drawn(file):
    """{tag: [(step, value)]} of one event file."""
    events = EventAccumulator(str(file), size_guidance={"scalars": 0})
    events.Reload()
    return {tag: [(one.step, one.value) for one in events.Scalars(tag)]
            for tag in events.Tags()["scalars"]}


def compare(values, curves, whole):
    tags = {tag for tag, _, _ in values}
    require(set(curves) <= tags, f"curves of nothing: {set(curves) - tags}")
    count = 0
    for tag in tags:
        want = [(step, np.float32(value)) for at, step, value in values if at == tag]
        have = [(step, np.float32(value)) for step, value in curves.get(tag, [])]
        require(have == want or (not whole and have == want[:-1]), f"{tag}: {have} is not {want}")
        count += len(have)
    return count


def main():
    run, curves = pathlib.Path(sys.argv[1]), json.loads(sys.argv[2])
    files = sorted((run / "tensorboard").glob("events.out.tfevents.*"))
    jobs, whole = told(run / "metrics.jsonl", curves)
    require(len(files) == len(jobs), f"{len(files)} files of {len(jobs)} jobs")
    count = sum(compare(values, drawn(file), ended)
                for values, file, ended in zip(jobs, files, whole))
    report = {"tensorboard": importlib.metadata.version("tensorboard"), "files": len(files),
              "values": count}
    try:
        from tbparse import SummaryReader
    except ImportError:
        pass
    else:
        rows = SummaryReader(str(run / "tensorboard")).scalars
        require(len(rows) == count, f"tbparse finds {len(rows)} values of {count}")
        report["tbparse"] = importlib.metadata.version("tbparse")
    print(json.dumps(report))


main()
