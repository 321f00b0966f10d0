"""The PyTorch side of train_vs_pytorch.py: answers requests, one JSON object a line, on stdin.

PyTorch is used as someone would who knows it well: the whole uint8 data set in memory as one
tensor, batches by index, normalised on the fly, gradients set to None, the fused optimizer, both
memory formats, and torch.compile. Started with OMP_NUM_THREADS set; it keeps to that many threads.

    {"do": "train", "arch": ..., "batch": 128, "variant": "channels_last", "seconds": 3}
    {"do": "predict", "arch": ..., "batch": 256, "variant": "frozen", "seconds": 1}

A variant is some of the words compiled, bf16 (autocast), channels_last, frozen; none of them is
"contiguous". Answers {"images_per_s": ..., "ready_s": ...}: ready_s is what the first call took to
build, compile and warm up. Models are kept from call to call until another arch or batch is asked
for.

On a GPU the data set lies in its memory, fp32 is multiplied as TF32, cuDNN picks its algorithms by
trying them, and compiled means torch.compile(mode="max-autotune"), which records CUDA graphs; it
then compiles the normalisation too. A measurement ends when the GPU is done. Predictions begin and
end in the host's memory.

usage: torch_peer.py CACHE_FOLDER [cpu|cuda]       (of `podium ingest`; read by h5py)
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
    """The training records of a cache, as tensors on `device`."""

    def __init__(self, folder, device):
        self.device = torch.device(device)
        images, labels = [], []
        for path in sorted(glob.glob(os.path.join(folder, "train-*.h5"))):
            with h5py.File(path, "r") as file:
                images.append(file["images"][:])
                labels.append(file["labels"][:])
        if not images:
            sys.exit(f"torch_peer: no shards train-*.h5 in {folder}")
        pixels = np.concatenate(images)[:TRAIN_RECORDS].transpose(0, 3, 1, 2)
        pixels = np.ascontiguousarray(pixels)
        self.images = torch.from_numpy(pixels).to(self.device)  # uint8 [N,C,H,W]
        truth = np.concatenate(labels)[:TRAIN_RECORDS].astype(np.int64)
        self.labels = torch.from_numpy(truth).to(self.device)
        scaled = self.images.float()
        self.mean = scaled.mean((0, 2, 3), keepdim=True)
        self.scale = 1 / scaled.std((0, 2, 3), keepdim=True)
        self.shape = tuple(self.images.shape[1:])
        self.classes = int(self.labels.max()) + 1

    @property
    def on_gpu(self):
        return self.device.type == "cuda"

    def floats(self, pixels, memory_format):
        x = pixels.to(torch.float32, memory_format=memory_format)
        return x.sub_(self.mean).mul_(self.scale)

    def autocast(self, variant):
        return torch.autocast(self.device.type, torch.bfloat16, enabled="bf16" in variant)

    def compile(self, function):
        if self.on_gpu:
            return torch.compile(function, dynamic=False, mode="max-autotune")
        return torch.compile(function, dynamic=False)

    def wait(self):
        if self.on_gpu:
            torch.cuda.synchronize()


def memory_format_of(variant):
    return torch.channels_last if "channels_last" in variant else torch.contiguous_format


class Training:
    def __init__(self, data, text, batch, variant):
        self.data, self.batch, self.format = data, batch, memory_format_of(variant)
        self.variant = variant
        torch.manual_seed(1)
        self.module = torch_model.build(text, data.shape, data.classes)
        self.module = self.module.to(data.device, memory_format=self.format).train()
        groups = torch_model.sgd_groups(self.module, WEIGHT_DECAY)
        self.optimizer = torch.optim.SGD(groups, RATE, MOMENTUM, nesterov=True, fused=True)
        self.compiled = "compiled" in variant
        self.loss = self.loss_of_pixels if data.on_gpu else self.plain_loss
        if self.compiled:
            self.loss = data.compile(self.loss)
        self.loss_sum = torch.zeros((), device=data.device)
        self.order, self.next = None, 0

    def plain_loss(self, x, labels):
        with self.data.autocast(self.variant):
            return functional.cross_entropy(self.module(x), labels, label_smoothing=SMOOTHING)

    def loss_of_pixels(self, pixels, labels):
        return self.plain_loss(self.data.floats(pixels, self.format), labels)

    def step(self):
        if self.order is None or self.next + self.batch > len(self.order):
            self.order = torch.randperm(len(self.data.images), device=self.data.device)
            self.next = 0
        chosen = self.order[self.next:self.next + self.batch]
        self.next += self.batch
        x = self.data.images[chosen]
        self.optimizer.zero_grad(set_to_none=True)  # a recorded step reuses the memory of the last
        if not self.data.on_gpu:
            x = self.data.floats(x, self.format)
        elif self.compiled:
            torch.compiler.cudagraph_mark_step_begin()
        loss = self.loss(x, self.data.labels[chosen])
        loss.backward()
        self.optimizer.step()
        self.loss_sum += loss.detach()


class Prediction:
    def __init__(self, data, text, batch, variant):
        self.data, self.format, self.variant = data, memory_format_of(variant), variant
        self.pixels = data.images[:batch].cpu().clone()
        if data.on_gpu:
            self.pixels = self.pixels.pin_memory()
        self.module = torch_model.build(text, data.shape, data.classes)
        self.module = self.module.to(data.device, memory_format=self.format).eval()
        if "frozen" in variant:
            example = data.floats(self.pixels.to(data.device), self.format)
            with torch.no_grad():
                traced = torch.jit.trace(self.module, example)
                self.module = torch.jit.optimize_for_inference(torch.jit.freeze(traced))
        elif "compiled" in variant:
            self.module = data.compile(self.module)

    def step(self):
        with torch.inference_mode(), self.data.autocast(self.variant):
            pixels = self.pixels.to(self.data.device, non_blocking=True)
            x = self.data.floats(pixels, self.format)
            torch.softmax(self.module(x).float(), 1).cpu()


def pace(work, batch, seconds):
    """Images a second. A GPU is given its work ahead; what it still does counts."""
    work.data.wait()
    started = time.perf_counter()
    images = 0
    while time.perf_counter() - started < seconds:
        work.step()
        images += batch
    work.data.wait()
    return images / (time.perf_counter() - started)


class Peer:
    def __init__(self, folder, device):
        torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
        if device == "cuda":
            torch.set_float32_matmul_precision("high")  # TF32
            torch.backends.cudnn.allow_tf32 = True
            torch.backends.cudnn.benchmark = True
        self.data = Data(folder, device)
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
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    warnings.filterwarnings("ignore", category=FutureWarning)  # freezing is fast, if out of fashion
    peer = Peer(sys.argv[1], sys.argv[2] if len(sys.argv) == 3 else "cpu")
    hello = {"torch": torch.__version__, "records": len(peer.data.images)}
    if peer.data.on_gpu:
        hello["gpu"] = torch.cuda.get_device_name()
    print(json.dumps(hello), flush=True)
    for line in sys.stdin:
        try:
            answer = peer.answer(json.loads(line))
        except Exception as error:  # a variant that does not work here is told, not fatal
            answer = {"error": f"{type(error).__name__}: {str(error).splitlines()[:1]}"}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
