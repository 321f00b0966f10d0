"""The PyTorch side of train_vs_pytorch.py: answers requests, one JSON object a line, on stdin.

PyTorch is used as someone would who knows it well: the whole uint8 data set in memory as one
tensor, batches by index, normalised on the fly, gradients set to None, the fused optimizer, both
memory formats, and torch.compile. Started with OMP_NUM_THREADS set; it keeps to that many threads.

    {"do": "train", "arch": ..., "batch": 128, "variant": "channels_last", "seconds": 3}
    {"do": "predict", "arch": ..., "batch": 256, "variant": "frozen", "seconds": 1}

Answers {"images_per_s": ..., "ready_s": ...}: ready_s is what the first call took to build,
compile and warm up. Models are kept from call to call until another arch or batch is asked for.

usage: torch_peer.py CACHE_FOLDER       (of `podium ingest`; read by h5py)
"""
import glob
import json
import os
import sys
import time
import warnings

import h5py
import numpy as np
import torch
from torch.nn import functional

import torch_model

RATE, MOMENTUM, WEIGHT_DECAY, SMOOTHING = 0.01, 0.9, 5e-4, 0.1
TRAIN_RECORDS = 55000
WARM_UP_STEPS = 3
WARM_UP_SHARE = 0.2  # of the seconds of a measurement


class Data:
    """The training records of a cache, as tensors."""

    def __init__(self, folder):
        images, labels = [], []
        for path in sorted(glob.glob(os.path.join(folder, "train-*.h5"))):
            with h5py.File(path, "r") as file:
                images.append(file["images"][:])
                labels.append(file["labels"][:])
        if not images:
            sys.exit(f"torch_peer: no shards train-*.h5 in {folder}")
        pixels = np.concatenate(images)[:TRAIN_RECORDS].transpose(0, 3, 1, 2)
        self.images = torch.from_numpy(np.ascontiguousarray(pixels))  # uint8 [N,C,H,W]
        self.labels = torch.from_numpy(np.concatenate(labels)[:TRAIN_RECORDS].astype(np.int64))
        scaled = self.images.float()
        self.mean = scaled.mean((0, 2, 3), keepdim=True)
        self.scale = 1 / scaled.std((0, 2, 3), keepdim=True)
        self.shape = tuple(self.images.shape[1:])
        self.classes = int(self.labels.max()) + 1

    def floats(self, pixels, memory_format):
        x = pixels.to(torch.float32, memory_format=memory_format)
        return x.sub_(self.mean).mul_(self.scale)


def memory_format_of(variant):
    return torch.channels_last if "channels_last" in variant else torch.contiguous_format


class Training:
    def __init__(self, data, text, batch, variant):
        self.data, self.batch, self.format = data, batch, memory_format_of(variant)
        torch.manual_seed(1)
        self.module = torch_model.build(text, data.shape, data.classes)
        self.module = self.module.to(memory_format=self.format).train()
        groups = torch_model.sgd_groups(self.module, WEIGHT_DECAY)
        self.optimizer = torch.optim.SGD(groups, RATE, MOMENTUM, nesterov=True, fused=True)
        self.loss = self.plain_loss
        if "compiled" in variant:
            self.loss = torch.compile(self.plain_loss, dynamic=False)
        self.loss_sum = torch.zeros(())
        self.order, self.next = None, 0

    def plain_loss(self, x, labels):
        return functional.cross_entropy(self.module(x), labels, label_smoothing=SMOOTHING)

    def step(self):
        if self.order is None or self.next + self.batch > len(self.order):
            self.order, self.next = torch.randperm(len(self.data.images)), 0
        chosen = self.order[self.next:self.next + self.batch]
        self.next += self.batch
        x = self.data.floats(self.data.images[chosen], self.format)
        loss = self.loss(x, self.data.labels[chosen])
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        self.loss_sum += loss.detach()


class Prediction:
    def __init__(self, data, text, batch, variant):
        self.data, self.format = data, memory_format_of(variant)
        self.pixels = data.images[:batch].clone()
        self.module = torch_model.build(text, data.shape, data.classes)
        self.module = self.module.to(memory_format=self.format).eval()
        if "frozen" in variant:
            example = data.floats(self.pixels, self.format)
            with torch.no_grad():
                traced = torch.jit.trace(self.module, example)
                self.module = torch.jit.optimize_for_inference(torch.jit.freeze(traced))
        elif "compiled" in variant:
            self.module = torch.compile(self.module, dynamic=False)

    def step(self):
        with torch.inference_mode():
            x = self.data.floats(self.pixels, self.format)
            torch.softmax(self.module(x), 1)


def pace(work, batch, seconds):
    started = time.perf_counter()
    images = 0
    while True:
        work.step()
        images += batch
        elapsed = time.perf_counter() - started
        if elapsed >= seconds:
            return images / elapsed


class Peer:
    def __init__(self, folder):
        torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
        self.data = Data(folder)
        self.subject, self.kept = None, {}

    def answer(self, request):
        subject = (request["do"], request["arch"], request["batch"])
        if subject != self.subject:
            self.subject, self.kept = subject, {}
        ready_s = 0.0
        if request["variant"] not in self.kept:
            started = time.perf_counter()
            kind = Training if request["do"] == "train" else Prediction
            work = kind(self.data, request["arch"], request["batch"], request["variant"])
            for _ in range(WARM_UP_STEPS):
                work.step()
            self.kept[request["variant"]] = work
            ready_s = time.perf_counter() - started
        work, seconds = self.kept[request["variant"]], request["seconds"]
        pace(work, request["batch"], WARM_UP_SHARE * seconds)
        return {"images_per_s": pace(work, request["batch"], seconds), "ready_s": ready_s}


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    warnings.filterwarnings("ignore", category=FutureWarning)  # freezing is fast, if out of fashion
    peer = Peer(sys.argv[1])
    print(json.dumps({"torch": torch.__version__, "records": len(peer.data.images)}), flush=True)
    for line in sys.stdin:
        try:
            answer = peer.answer(json.loads(line))
        except Exception as error:  # a variant that does not work here is told, not fatal
            answer = {"error": f"{type(error).__name__}: {str(error).splitlines()[:1]}"}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
