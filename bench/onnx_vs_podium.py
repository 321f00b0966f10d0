#!/usr/bin/env python3
"""Compares the models of a run folder, as ONNX Runtime and as Podium compute them.

Every candidate of RUN_DIR is exported to ONNX and run on the test images of CACHE, by ONNX Runtime
and by `podium predict`. Prints a line for each, and exits 1 when two logits differ by LIMIT or more.

usage: onnx_vs_podium.py RUN_DIR CACHE [--podium=build/release/podium] [--limit=1e-4]
  CACHE is the folder with manifest.h5; `podium ingest` names it in its result line.
"""
import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

import h5py
import numpy as np
import onnxruntime

BATCH = 500


def test_images(cache):
    """Images [N,H,W,C] and labels [N] of the test split (docs/formats.md)."""
    with h5py.File(cache / "manifest.h5") as manifest:
        shards = json.loads(manifest.attrs["manifest"])["shards"]
    parts = [shard for shard in shards if shard["part"] == "test"]
    images, labels = [], []
    for shard in sorted(parts, key=lambda part: part["first"]):
        with h5py.File(cache / shard["file"]) as file:
            images.append(file["images"][()])
            labels.append(file["labels"][()])
    return np.concatenate(images), np.concatenate(labels)


def podium(executable, *arguments):
    job = subprocess.run([executable, *arguments], capture_output=True, text=True, check=False)
    if job.returncode != 0:
        sys.exit(f"onnx_vs_podium.py: podium {arguments[0]} failed: {job.stderr.strip()}")


def podium_logits(executable, model, cache, folder):
    output = folder / "predictions.h5"
    podium(executable, "predict", f"--model={model}", f"--input={cache}", f"--output={output}")
    with h5py.File(output) as file:
        return file["logits"][()]


def onnx_logits(executable, model, images, folder):
    output = folder / "model.onnx"
    podium(executable, "export", f"--model={model}", f"--output={output}")
    session = onnxruntime.InferenceSession(str(output), providers=["CPUExecutionProvider"])
    batches = [images[first : first + BATCH] for first in range(0, len(images), BATCH)]
    return np.concatenate([session.run(["logits"], {"images": batch})[0] for batch in batches])


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("run_dir", type=pathlib.Path)
    parser.add_argument("cache", type=pathlib.Path)
    parser.add_argument("--podium", default="build/release/podium")
    parser.add_argument("--limit", type=float, default=1e-4)
    arguments = parser.parse_args()
    models = sorted((arguments.run_dir / "registry/candidates").glob("*.h5"))
    if not models:
        sys.exit(f"onnx_vs_podium.py: {arguments.run_dir} has no candidates; train a model first")
    images, labels = test_images(arguments.cache)

    worst = 0.0
    print(f"{'model':16} {'images':>7} {'accuracy':>9} {'by ONNX':>9} {'largest logit':>14} "
          f"{'largest difference':>19}")
    for model in models:
        with tempfile.TemporaryDirectory() as folder:
            ours = podium_logits(arguments.podium, model, arguments.cache, pathlib.Path(folder))
            theirs = onnx_logits(arguments.podium, model, images, pathlib.Path(folder))
        difference = float(np.abs(ours - theirs).max())
        worst = max(worst, difference)
        print(f"{model.stem:16} {len(images):7} {(ours.argmax(1) == labels).mean():9.4f} "
              f"{(theirs.argmax(1) == labels).mean():9.4f} {np.abs(ours).max():14.3f} "
              f"{difference:19.2e}")
    return 1 if worst >= arguments.limit else 0


if __name__ == "__main__":
    sys.exit(main())
