#!/usr/bin/env python3
"""Writes golden/pytorch.safetensors: what PyTorch computes in float64 for many small networks.

For each network one forward and backward pass (losses, gradients, running statistics, then
predictions with those), and for the three kinds of model ten steps of training. Usage:
    build/peers/bin/python tests/nn/golden_torch.py      (bench/make_peers.sh makes build/peers)

Parameters, pixels and labels come from the formulas below, which golden_torch_test.cpp repeats, so
that only results are stored. Of a gradient buffer at most SAMPLES values are stored, at places
given by a formula, with its largest value and its sum under pseudo-random signs, to which every
value contributes.

A float32 computation may take the other side of a ReLU's kink, or another maximum of a pooling
window, where float64 finds both sides within rounding errors. Such a step says nothing, so seeds
are tried until no value lies that near (MARGIN), and until PyTorch's own float32 agrees with its
float64 to FLOAT32_ERROR, relative to the largest value of each buffer. The error is stored.
"""
import json
import math
import pathlib
import struct
import sys

import numpy as np
import torch
from torch import nn
from torch.nn import functional

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent / "bench"))
import torch_model  # noqa: E402

OUTPUT = HERE / "golden" / "pytorch.safetensors"
SAMPLES = 384
MARGIN = 3e-6
FLOAT32_ERROR = 2.5e-6  # the tests ask for 1e-5
MODEL_FLOAT32_ERROR = 5e-6  # of the whole models, where longer sums make larger errors
SMOOTHING, RATE, MOMENTUM, DECAY, STEPS = 0.1, 0.01, 0.9, 0.1, 10
TRAINING_BATCH = 32
MEAN, STDDEV = np.float32([0.25, 0.5, 0.375]), np.float32([0.25, 0.5, 0.3125])

DENSE = "dense 256; relu; dense 128; relu; dense classes"
CNN = ("conv 32 3; bn; relu; pool 2; conv 64 3; bn; relu; pool 2; dense 128; relu; "
       "dense classes")
RESNET = "conv 16 3; bn; relu; res 16 1; res 32 2; res 64 2; gap; dense classes"

# name: architecture, image [C,H,W], images. Each has 4 classes. `C` in a name is a channel count.
CASES = {
    "dense": ("dense 24; relu; dense 7; relu; dense classes", (3, 5, 7), 3),
    "dense_one_image": ("dense 16; relu; dense classes", (1, 4, 4), 1),
    "dense_bn": ("dense 24; bn; relu; dense 16; bn; dense classes", (2, 3, 5), 7),
    "conv_dense": ("conv 5 3; dense 16; relu; dense classes", (2, 5, 7), 3),
    "conv_relu_dense_C16": ("conv 16 3; relu; conv 32 3; relu; dense classes", (3, 6, 5), 5),
    "conv_one_image_C32": ("conv 32 3; relu; conv 16 3; relu; dense classes", (1, 7, 7), 1),
    "conv_1x1": ("conv 24 1; relu; conv 8 1; relu; conv 3 1; dense classes", (3, 5, 4), 3),
    "conv_even_kernels": ("conv 8 2; relu; conv 16 4; relu; conv 5 2; dense classes", (2, 7, 9), 3),
    "conv_even_strides": ("conv 16 4 stride 2; relu; conv 24 2 stride 2; dense classes",
                          (1, 11, 9), 5),
    "conv_strides": ("conv 16 3 stride 2; relu; conv 8 5 stride 3; dense classes", (3, 13, 10), 3),
    "conv_large_kernel": ("conv 16 7; relu; conv 16 5; dense classes", (1, 6, 5), 2),
    "conv_unfused_relu": ("conv 16 3; pool 2; relu; conv 8 3; relu; relu; dense classes",
                          (1, 7, 6), 3),
    "bn_C24": ("conv 24 3; bn; conv 16 3; bn; relu; dense classes", (2, 5, 7), 3),
    "bn_first": ("bn; conv 16 3; relu; bn; relu; dense classes", (3, 5, 5), 3),
    "bn_relu_first": ("bn; relu; conv 5 3; bn; dense classes", (3, 4, 5), 5),
    "bn_one_image": ("conv 16 3; bn; relu; conv 32 3; bn; relu; gap; dense classes", (1, 6, 7), 1),
    "pool_first": ("pool 2; conv 8 3; relu; dense classes", (3, 9, 7), 3),
    "pool_uncovered_rows": ("conv 8 3; relu; pool 2; conv 16 3; pool 3; dense classes",
                            (1, 9, 13), 3),
    "pool_overlapping": ("conv 16 3; relu; pool 3 stride 2; conv 5 3; pool 2 stride 1; "
                         "dense classes", (1, 10, 9), 3),
    "pool_gaps": ("conv 16 3; pool 2 stride 3; conv 3 3; relu; pool 1 stride 2; dense classes",
                  (2, 11, 10), 3),
    "avgpool": ("conv 16 3; relu; avgpool 2; conv 8 3; avgpool 3 stride 2; dense classes",
                (1, 15, 13), 3),
    "avgpool_overlapping": ("avgpool 2 stride 1; conv 5 3; bn; relu; avgpool 3 stride 1; "
                            "dense classes", (2, 7, 6), 3),
    "gap": ("conv 24 3; relu; gap; dense 16; relu; dense classes", (1, 7, 5), 3),
    "gap_only": ("gap; dense classes", (3, 5, 6), 3),
    "res_identity_bare": ("conv 16 3; res 16 1; dense classes", (1, 5, 7), 3),
    "res_first": ("res 16 1; res 16 1; gap; dense classes", (2, 6, 5), 3),
    "res_first_identity": ("res 3 1 { conv 3 3 }; res 3 1; dense classes", (3, 5, 6), 3),
    "res_chain_C16": ("conv 16 3; bn; relu; res 16 1; res 32 2; res 32 1; gap; dense classes",
                      (1, 9, 7), 5),
    "res_chain_C8": ("conv 8 3; bn; relu; res 8 1; res 24 2; res 24 1; gap; dense classes",
                     (1, 8, 11), 3),
    "res_chain_C5": ("conv 5 3; bn; relu; repeat 2 { res 5 1 }; res 3 2; gap; dense classes",
                     (2, 7, 7), 3),
    "res_one_image": ("conv 16 3; bn; relu; res 16 1; res 32 2; gap; dense classes", (1, 7, 8), 1),
    "res_preactivation": ("conv 16 3; res 16 1 { bn; relu; conv 16 3; bn; relu; conv 16 3 }; "
                          "gap; dense classes", (1, 6, 7), 3),
    "res_bottleneck": ("conv 32 3; bn; relu; res 32 1 { conv 8 1; bn; relu; conv 8 3; bn; relu; "
                       "conv 32 1; bn }; gap; dense classes", (1, 6, 5), 3),
    "res_body_ends_in_relu": ("conv 8 3; bn; relu; res 8 1 { conv 8 3; bn; relu }; "
                              "res 16 1 { conv 16 3; relu }; dense classes", (1, 5, 6), 3),
    "res_body_pools": ("conv 16 3; bn; relu; res 24 2 { conv 24 3; bn; relu; pool 2 }; "
                       "res 24 2 { avgpool 2 }; dense classes", (1, 12, 8), 3),
    "res_nested": ("conv 8 3; res 16 2 { conv 16 3 stride 2; bn; relu; res 16 1; conv 16 3; bn }; "
                   "gap; dense classes", (1, 7, 9), 3),
    "res_pool": ("conv 16 3; bn; relu; res 16 1; pool 2; res 32 1; pool 3 stride 2; "
                 "dense classes", (1, 11, 13), 3),
    "res_avgpool_bn": ("conv 8 3; res 8 1; bn; avgpool 2; res 8 1; bn; relu; dense classes",
                       (1, 7, 7), 3),
    "res_conv_relu": ("conv 16 3; relu; res 16 1; conv 24 3 stride 2; bn; relu; dense classes",
                      (1, 7, 6), 3),
    # Enough work for algorithms that pay only from some size on, such as Winograd's filtering.
    "many_images_conv_relu": ("conv 48 3; relu; conv 64 3; relu; conv 32 3; dense classes",
                              (1, 7, 8), 33),
    "many_images_bn_pool": ("conv 32 3; bn; relu; conv 32 3; bn; relu; pool 2; conv 64 3; relu; "
                            "dense classes", (1, 17, 15), 19),
    "many_images_res": ("conv 16 3; bn; relu; res 16 1; res 32 1; dense classes",
                        (1, 8, 8), 18),
}
for channels in (3, 5, 8, 16, 24, 32):
    CASES.update({
        f"bn_relu_pool_C{channels}": (
            f"conv {channels} 3; bn; relu; pool 2; conv {channels} 3; bn; relu; pool 3 stride 2; "
            "dense classes", (1, 13, 11), 3),
        f"bn_pool_C{channels}": (
            f"conv {channels} 3; bn; pool 2; relu; conv {channels} 3; bn; avgpool 2; "
            "dense classes", (1, 9, 10), 5),
        f"bn_relu_pool_uneven_C{channels}": (
            f"conv {channels} 3; bn; relu; pool 2 stride 3; conv 16 1; bn; relu; avgpool 3; "
            "dense classes", (2, 12, 13), 3),
    })
MODELS = {"dense": DENSE, "cnn": CNN, "resnet": RESNET}


def mix64(x):
    """As core/random.hpp."""
    x = np.atleast_1d(np.asarray(x, dtype=np.uint64)) + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def noise(seed, stream, first, count):
    base = mix64(mix64(seed) ^ np.uint64(stream))
    return mix64(base + np.arange(first, first + count, dtype=np.uint64))


def parameter_values(name, shape, seed, first):
    """Of the buffer whose first value is parameter number `first`."""
    count = math.prod(shape)
    unit = (noise(seed, 1, first, count) >> np.uint64(40)).astype(np.float32)
    unit = unit * np.float32(2.0**-23) - np.float32(1)  # [-1, 1), exact
    if name.endswith(".scale"):
        return np.float32(1) + np.float32(0.5) * unit
    if not name.endswith(".weight"):
        return np.float32(0.25) * unit
    scale = 1.0  # the power of two at or below He's sqrt(6 / fan-in), at most one
    while scale * scale * math.prod(shape[1:]) > 6:
        scale /= 2
    return np.float32(scale) * unit


class Case:
    def __init__(self, text, shape, classes, seed, dtype=torch.float64):
        self.shape, self.classes, self.seed, self.dtype = shape, classes, seed, dtype
        self.module = torch_model.build(text, shape, classes, channels_last_flatten=True)
        self.module = torch_model.without_inplace(self.module).to(dtype)
        self.buffers = self.module.named_buffers_of_podium
        first = 0
        for name, buffer in self.buffers:
            values = parameter_values(name, tuple(buffer.shape), seed, first)
            buffer.data.copy_(torch.from_numpy(values.reshape(buffer.shape)))
            first += buffer.numel()

    def batch(self, images, number=0):
        c, h, w = self.shape
        count = images * c * h * w
        pixels = (noise(self.seed, 2, number * count, count) >> np.uint64(56)).astype(np.float64)
        pixels = pixels.reshape(images, h, w, c) / 255
        mean, stddev = MEAN[:c].astype(np.float64), STDDEV[:c].astype(np.float64)
        x = torch.from_numpy((pixels - mean) / stddev).permute(0, 3, 1, 2).contiguous()
        labels = noise(self.seed, 3, number * images, images) % np.uint64(self.classes)
        return x.to(self.dtype), torch.from_numpy(labels.astype(np.int64))

    def step(self, x, labels):
        self.module.train()
        logits = self.module(x)
        loss = functional.cross_entropy(logits, labels, label_smoothing=SMOOTHING)
        self.module.zero_grad(set_to_none=True)
        loss.backward()
        return loss.item(), logits.detach()

    def statistics(self):
        named = torch_model.statistics(self.module)
        return np.concatenate([t.numpy().ravel() for _, t in named] or [np.zeros(0)])


def nearest_kink(module, run):
    """Calls `run`; how near any ReLU's input came to zero, or a pooled maximum to its rival."""
    nearest = [math.inf]

    def look_at_relu(_, inputs):
        sizes = inputs[0].abs()
        sizes = sizes[sizes != 0]  # exact zeros come out of a ReLU, and pass no gradient
        if sizes.numel():
            nearest[0] = min(nearest[0], sizes.min().item())

    def look_at_pool(layer, inputs):
        x, k, s = inputs[0], layer.kernel_size, layer.stride
        if k == 1:
            return
        windows = functional.unfold(x.flatten(0, 1).unsqueeze(1), k, stride=s)
        best = windows.topk(2, dim=1).values
        gap = (best[:, 0] - best[:, 1])[best[:, 0] != 0]
        if gap.numel():
            nearest[0] = min(nearest[0], gap.min().item())

    kinds = {nn.ReLU: look_at_relu, nn.MaxPool2d: look_at_pool}
    hooks = [m.register_forward_pre_hook(kinds[type(m)])
             for m in module.modules() if type(m) in kinds]
    result = run()
    for hook in hooks:
        hook.remove()
    return nearest[0], result


def signs(count):
    return 1.0 - 2.0 * (noise(0, 4, 0, count) & np.uint64(1)).astype(np.float64)


def sampled(values):
    flat = values.ravel()
    if flat.size <= SAMPLES:
        return flat
    return flat[(noise(0, 5, 0, SAMPLES) % np.uint64(flat.size)).astype(np.int64)]


def relative_error(actual, exact):
    return np.abs(actual - exact).max() / np.abs(exact).max()


def float32_error(text, shape, images, exact):
    """How far PyTorch's float32 gradients stray from those of the case `exact`."""
    single = Case(text, shape, exact.classes, exact.seed, torch.float32)
    single.step(*single.batch(images))
    return max(relative_error(a.grad.double().numpy(), b.grad.numpy())
               for (_, a), (_, b) in zip(single.buffers, exact.buffers))


def one_step(text, shape, images, classes, float32_limit):
    for seed in range(1, 1000):
        case = Case(text, shape, classes, seed)
        x, labels = case.batch(images)
        kink, (loss, logits) = nearest_kink(case.module, lambda c=case, b=(x, labels): c.step(*b))
        error = float32_error(text, shape, images, case)
        if kink > MARGIN and error < float32_limit:
            break
    else:
        raise RuntimeError(f"no seed is well conditioned: {text}")
    gradients = [b.grad.numpy() for _, b in case.buffers]
    case.module.eval()
    probabilities = torch.softmax(case.module(x).detach(), 1).numpy()
    top = logits.topk(2, dim=1)
    assert (top.values[:, 0] - top.values[:, 1]).min() > 1e-4, "an undecided prediction"
    meta = {"architecture": text, "image": shape, "images": images, "classes": classes,
            "seed": seed, "float32_error": error, "correct": int((top.indices[:, 0] == labels).sum())}
    return meta, {
        "loss": np.float64([loss]),
        "gradients": np.concatenate([sampled(g) for g in gradients]).astype(np.float32),
        "largest": np.float32([np.abs(g).max() for g in gradients]),
        "signed_sums": np.float64([(g.ravel() * signs(g.size)).sum() for g in gradients]),
        "statistics": case.statistics().astype(np.float32),
        "probabilities": probabilities.astype(np.float32),
    }


def training_losses(text, dtype):
    case = Case(text, (1, 28, 28), 10, 1, dtype)
    parameters = [b for _, b in case.buffers]
    optimizer = torch.optim.SGD(parameters, RATE, MOMENTUM, nesterov=True)
    losses = []
    for number in range(STEPS):
        losses.append(case.step(*case.batch(TRAINING_BATCH, number))[0])
        with torch.no_grad():  # decoupled decay, as in SGDW
            for name, buffer in case.buffers:
                if torch_model.is_decayed(name):
                    buffer.mul_(1 - RATE * DECAY)
        optimizer.step()
    return np.float64(losses)


def training(text):
    exact, single = training_losses(text, torch.float64), training_losses(text, torch.float32)
    meta = {"architecture": text, "image": (1, 28, 28), "images": TRAINING_BATCH, "classes": 10,
            "seed": 1}
    return meta, {"losses": exact, "losses_float32": single}


def write(path, metadata, tensors):
    """The safetensors format: a length, a JSON header, the data."""
    header, data, kinds = {"__metadata__": metadata}, b"", {"f4": "F32", "f8": "F64"}
    for name, array in tensors.items():
        content = np.ascontiguousarray(array).tobytes()
        header[name] = {"dtype": kinds[array.dtype.str[1:]], "shape": [array.size],
                        "data_offsets": [len(data), len(data) + len(content)]}
        data += content
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def main():
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    jobs = {name: lambda c=case: one_step(*c, 4, FLOAT32_ERROR) for name, case in CASES.items()}
    for name, text in MODELS.items():
        jobs["model_" + name] = lambda t=text: one_step(t, (1, 28, 28), 5, 10,
                                                           MODEL_FLOAT32_ERROR)
        jobs["training_" + name] = lambda t=text: training(t)
    cases, tensors = {}, {}
    for name, job in jobs.items():
        cases[name], results = job()
        tensors.update({f"{name}/{kind}": array for kind, array in results.items()})
        print(name, "seed", cases[name]["seed"], flush=True)
        if "losses" in results:
            print("  float32 of PyTorch strays by",
                  np.abs(results["losses_float32"] / results["losses"] - 1).max())
    metadata = {"made_by": f"golden_torch.py with PyTorch {torch.__version__}",
                "cases": json.dumps(cases, separators=(",", ":"))}
    write(OUTPUT, metadata, tensors)
    print(OUTPUT, OUTPUT.stat().st_size, "bytes")


if __name__ == "__main__":
    main()
