#!/usr/bin/env python3
"""Runs exported models as other programs do, and compares them with Podium.

usage: check_export.py FOLDER, which holds
  model.onnx, model.safetensors   what `podium export` wrote
  images.bin, logits.bin          uint8 [N,H,W,C], and Podium's float32 logits [N,classes] of them
  weights.bin                     all buffers of the model, one after another, float32
  expected.json                   images: [N,H,W,C], classes, name, buffers: [[name, shape], ...]

Prints one JSON object; `largest` is the largest difference of two logits. Exits 1 with a reason when
something is not as it must be. Needs onnx, onnxruntime, safetensors and numpy.
"""
import json
import pathlib
import sys

import numpy as np
import onnx
import onnxruntime
import safetensors.numpy

BATCHES = [1, 7, 500]  # the first axis is free; the rest goes in batches of the last size


def require(condition, reason):
    if not condition:
        sys.exit(f"check_export.py: {reason}")


def run_onnx(path, images):
    """Logits and probabilities of all images, in batches of several sizes."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    results, first = [], 0
    sizes = iter(BATCHES)
    while first < len(images):
        size = next(sizes, BATCHES[-1])
        results.append(
            session.run(["logits", "probabilities"], {"images": images[first : first + size]})
        )
        first += size
    return [np.concatenate(parts) for parts in zip(*results)]


def check_onnx(folder, expected):
    path = str(folder / "model.onnx")
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    require(metadata["name"] == expected["name"], "the metadata name another model")
    require(
        [tensor.name for tensor in model.graph.initializer if tensor.name[0].isdigit()]
        == [name for name, _ in expected["buffers"]],
        "the initializers are not the model's buffers",
    )
    images = np.fromfile(folder / "images.bin", np.uint8).reshape(expected["images"])
    wanted = np.fromfile(folder / "logits.bin", np.float32).reshape(-1, expected["classes"])
    logits, probabilities = run_onnx(path, images)
    require(logits.shape == wanted.shape, f"logits are {logits.shape}, not {wanted.shape}")
    exponentials = np.exp(wanted - wanted.max(1, keepdims=True).astype(np.float64))
    softmax = exponentials / exponentials.sum(1, keepdims=True)
    require(np.abs(probabilities - softmax).max() < 1e-5, "probabilities are not the softmax")
    return {
        "images": len(images),
        "largest": float(np.abs(logits - wanted).max()),
        "largest_logit": float(np.abs(wanted).max()),
        "same_class": int((logits.argmax(1) == wanted.argmax(1)).sum()),
    }


def check_safetensors(folder, expected):
    path = folder / "model.safetensors"
    tensors = safetensors.numpy.load_file(path)
    with safetensors.safe_open(path, "np") as file:
        metadata = file.metadata()
    require(metadata["name"] == expected["name"], "the metadata name another model")
    weights = np.fromfile(folder / "weights.bin", np.float32)
    require(len(tensors) == len(expected["buffers"]), "there are more or fewer tensors")
    first = 0
    for name, shape in expected["buffers"]:
        tensor = tensors[name]
        require(list(tensor.shape) == shape, f"{name} has the shape {tensor.shape}")
        values = weights[first : first + tensor.size]
        require(tensor.dtype == np.float32 and tensor.tobytes() == values.tobytes(), name)
        first += tensor.size
    require(first == len(weights), "weights are missing")


def main(folder):
    expected = json.loads((folder / "expected.json").read_text())
    report = check_onnx(folder, expected)
    check_safetensors(folder, expected)
    print(json.dumps(report))


if __name__ == "__main__":
    require(len(sys.argv) == 2, __doc__)
    main(pathlib.Path(sys.argv[1]))
