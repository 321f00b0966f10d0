#!/usr/bin/env python3
"""Writes golden_values.hpp: two training steps of small networks, computed in float64.

An implementation of its own, with loops over kernel taps and no shared code. Usage:
    python3 golden.py > golden_values.hpp    (needs numpy)

Arrays are [N,C,H,W]. Parameters and pixels come from the formulas below, which golden_test.cpp
repeats, so that only results are stored.
"""
import numpy as np

IMAGES, CLASSES, SHAPE = 5, 3, (2, 8, 8)
MEAN, STDDEV = (0.4, 0.6), (0.25, 0.5)
SMOOTHING, RATE, MOMENTUM, DECAY = 0.1, 0.05, 0.9, 0.01
EPSILON, RUNNING = 1e-5, 0.1

NETWORKS = {
    "conv_bn_pool_res_dense": [
        ("conv", 4, 3, 1), ("bn",), ("relu",), ("pool", 2),
        ("res", 6, 2, [("conv", 6, 3, 2), ("bn",), ("relu",), ("conv", 6, 3, 1), ("bn",)]),
        ("dense", 7), ("relu",), ("dense", CLASSES)],
    "bias_stride_identity_average": [
        ("conv", 5, 4, 2), ("relu",),
        ("res", 5, 1, [("bn",), ("relu",), ("conv", 5, 3, 1), ("relu",)]),
        ("avgpool", 2), ("res", 4, 1, [("conv", 4, 1, 1)]), ("gap",), ("dense", CLASSES)],
}


class Store:
    """Parameters and statistics as lists of arrays, in the order they are asked for."""

    def __init__(self):
        self.values, self.decays, self.statistics, self.count = [], [], [], 0

    def parameter(self, shape, decay, base=0.0):
        index = self.count + np.arange(int(np.prod(shape)))
        self.count += index.size
        value = np.float32(base + 0.4 * np.sin(1.3 * index + 0.7)).astype(np.float64)
        self.values.append(value.reshape(shape))
        self.decays.append(decay)
        return len(self.values) - 1

    def statistic(self, channels, value):
        self.statistics.append(np.full(channels, value))
        return len(self.statistics) - 1


class Conv:
    def __init__(self, store, shape, width, kernel, stride, bias):
        self.kernel, self.stride, self.store = kernel, stride, store
        self.weight = store.parameter((width, shape[0], kernel, kernel), True)
        self.bias = store.parameter((width,), False) if bias else None
        self.shape = (width, -(-shape[1] // stride), -(-shape[2] // stride))

    def taps(self, height, width):
        for i in range(self.kernel):
            for j in range(self.kernel):
                rows = slice(i, i + self.stride * (height - 1) + 1, self.stride)
                columns = slice(j, j + self.stride * (width - 1) + 1, self.stride)
                yield i, j, rows, columns

    def forward(self, x, training):
        before, after = (self.kernel - 1) // 2, self.kernel // 2
        self.x = np.pad(x, ((0, 0), (0, 0), (before, after), (before, after)))
        self.size = x.shape[2:]
        weight = self.store.values[self.weight]
        y = np.zeros((x.shape[0],) + self.shape)
        for i, j, rows, columns in self.taps(*self.shape[1:]):
            y += np.einsum("nchw,oc->nohw", self.x[:, :, rows, columns], weight[:, :, i, j])
        if self.bias is not None:
            y += self.store.values[self.bias][None, :, None, None]
        return y

    def backward(self, dy, gradients):
        weight = self.store.values[self.weight]
        dw, dx = np.zeros_like(weight), np.zeros_like(self.x)
        for i, j, rows, columns in self.taps(*self.shape[1:]):
            dw[:, :, i, j] = np.einsum("nohw,nchw->oc", dy, self.x[:, :, rows, columns])
            dx[:, :, rows, columns] += np.einsum("nohw,oc->nchw", dy, weight[:, :, i, j])
        gradients[self.weight] = dw
        if self.bias is not None:
            gradients[self.bias] = dy.sum((0, 2, 3))
        before = (self.kernel - 1) // 2
        return dx[:, :, before:before + self.size[0], before:before + self.size[1]]


class Norm:
    def __init__(self, store, shape):
        self.store, self.shape = store, shape
        self.scale = store.parameter((shape[0],), False, 1.0)
        self.shift = store.parameter((shape[0],), False)
        self.mean, self.variance = store.statistic(shape[0], 0.0), store.statistic(shape[0], 1.0)

    def forward(self, x, training):
        wide = lambda v: v[None, :, None, None]
        statistics = self.store.statistics
        mean, variance = statistics[self.mean], statistics[self.variance]
        if training:
            mean, variance = x.mean((0, 2, 3)), x.var((0, 2, 3))
            n = x.size / x.shape[1]
            statistics[self.mean] = (1 - RUNNING) * statistics[self.mean] + RUNNING * mean
            statistics[self.variance] = ((1 - RUNNING) * statistics[self.variance]
                                         + RUNNING * variance * n / (n - 1))
        self.inverse = 1 / np.sqrt(variance + EPSILON)
        self.unit = (x - wide(mean)) * wide(self.inverse)
        return wide(self.store.values[self.scale]) * self.unit + wide(self.store.values[self.shift])

    def backward(self, dy, gradients):
        gradients[self.scale] = (dy * self.unit).sum((0, 2, 3))
        gradients[self.shift] = dy.sum((0, 2, 3))
        du = dy * self.store.values[self.scale][None, :, None, None]
        centred = du - du.mean((0, 2, 3), keepdims=True)
        along = self.unit * (du * self.unit).mean((0, 2, 3), keepdims=True)
        return (centred - along) * self.inverse[None, :, None, None]


class Relu:
    def __init__(self, shape):
        self.shape = shape

    def forward(self, x, training):
        self.on = x > 0
        return x * self.on

    def backward(self, dy, gradients):
        return dy * self.on


class Pool:
    def __init__(self, shape, kernel, largest):
        self.kernel, self.largest, self.input = kernel, largest, shape
        self.shape = (shape[0], shape[1] // kernel, shape[2] // kernel)

    def forward(self, x, training):
        n, c, k = x.shape[0], self.shape[0], self.kernel
        blocks = x.reshape(n, c, self.shape[1], k, self.shape[2], k)
        if not self.largest:
            self.weights = np.full(blocks.shape, 1 / (k * k))
            return blocks.mean((3, 5))
        y = blocks.max((3, 5))
        self.weights = (blocks == y[:, :, :, None, :, None]).astype(float)
        # A tie at zero is harmless: the ReLU before it passes no gradient there.
        assert ((self.weights.sum((3, 5)) == 1) | (y == 0)).all(), "a tie in max pooling"
        return y

    def backward(self, dy, gradients):
        return (self.weights * dy[:, :, :, None, :, None]).reshape((dy.shape[0],) + self.input)


class Dense:
    def __init__(self, store, shape, width):
        self.store, self.input = store, shape
        self.weight = store.parameter((width, int(np.prod(shape))), True)
        self.bias = store.parameter((width,), False)
        self.shape = (width, 1, 1)

    def forward(self, x, training):
        self.x = x.transpose(0, 2, 3, 1).reshape(x.shape[0], -1)  # flattened as NHWC
        y = self.x @ self.store.values[self.weight].T + self.store.values[self.bias]
        return y[:, :, None, None]

    def backward(self, dy, gradients):
        dy = dy[:, :, 0, 0]
        gradients[self.weight], gradients[self.bias] = dy.T @ self.x, dy.sum(0)
        c, h, w = self.input
        dx = (dy @ self.store.values[self.weight]).reshape(-1, h, w, c)
        return dx.transpose(0, 3, 1, 2)


class Chain:
    def __init__(self, store, shape, specs):
        self.layers = []
        for i, spec in enumerate(specs):
            bias = i + 1 == len(specs) or specs[i + 1][0] != "bn"
            self.layers.append(make(store, shape, spec, bias))
            shape = self.layers[-1].shape
        self.shape = shape

    def forward(self, x, training):
        for layer in self.layers:
            x = layer.forward(x, training)
        return x

    def backward(self, dy, gradients):
        for layer in reversed(self.layers):
            dy = layer.backward(dy, gradients)
        return dy


class Residual:
    def __init__(self, store, shape, width, stride, body):
        self.body = Chain(store, shape, body)
        self.shape = self.body.shape
        same = shape == self.shape
        self.shortcut = Chain(store, shape, [] if same else [("conv", width, 1, stride), ("bn",)])
        self.relu = Relu(self.shape)

    def forward(self, x, training):
        total = self.body.forward(x, training) + self.shortcut.forward(x, training)
        return self.relu.forward(total, training)

    def backward(self, dy, gradients):
        dy = self.relu.backward(dy, gradients)
        return self.body.backward(dy, gradients) + self.shortcut.backward(dy, gradients)


def make(store, shape, spec, bias):
    kind, *rest = spec
    if kind == "conv":
        return Conv(store, shape, *rest, bias)
    if kind == "bn":
        return Norm(store, shape)
    if kind == "relu":
        return Relu(shape)
    if kind in ("pool", "avgpool", "gap"):
        return Pool(shape, rest[0] if rest else shape[1], kind == "pool")
    if kind == "dense":
        return Dense(store, shape, *rest)
    return Residual(store, shape, *rest)


def softmax(logits):
    exps = np.exp(logits - logits.max(1, keepdims=True))
    return exps / exps.sum(1, keepdims=True)


def train_step(store, network, x, labels, velocity):
    logits = network.forward(x, True)[:, :, 0, 0]
    p = softmax(logits)
    target = np.full(p.shape, SMOOTHING / CLASSES)
    target[np.arange(IMAGES), labels] += 1 - SMOOTHING
    loss = -(target * np.log(p)).sum()
    gradients = [None] * len(store.values)
    network.backward(((p - target) / IMAGES)[:, :, None, None], gradients)
    for i, g in enumerate(gradients):
        velocity[i] = MOMENTUM * velocity[i] + g
        decay = DECAY if store.decays[i] else 0.0
        store.values[i] = (store.values[i] * (1 - RATE * decay)
                           - RATE * (g + MOMENTUM * velocity[i]))
    return loss, int((logits.argmax(1) == labels).sum()), gradients


def flat(arrays):
    return np.concatenate([a.ravel() for a in arrays])


def text(name, values):
    numbers = ["%.7g" % v for v in values]
    numbers = [n if any(c in n for c in ".e") else n + ".0" for n in numbers]
    lines = ["    " + ", ".join(numbers[i:i + 8]) + "," for i in range(0, len(numbers), 8)]
    return "inline constexpr double %s[] = {\n%s\n};\n" % (name, "\n".join(lines))


def run(name, specs):
    store = Store()
    network = Chain(store, SHAPE, specs)
    pixels = (np.arange(IMAGES * 128) * 97 + 13) ** 2 // 7 % 256
    x = pixels.reshape(IMAGES, SHAPE[1], SHAPE[2], SHAPE[0]).transpose(0, 3, 1, 2) / 255
    x = (x - np.array(MEAN)[None, :, None, None]) / np.array(STDDEV)[None, :, None, None]
    labels = np.arange(IMAGES) * 2 % CLASSES
    velocity = [np.zeros_like(v) for v in store.values]
    loss, correct, gradients = train_step(store, network, x, labels, velocity)
    second_loss, _, _ = train_step(store, network, x, labels, velocity)
    statistics = flat(store.statistics) if store.statistics else np.zeros(0)
    probabilities = softmax(network.forward(x, False)[:, :, 0, 0])
    print("\nnamespace %s {\n" % name)
    print("inline constexpr double kLosses[] = {%.10g, %.10g};" % (loss, second_loss))
    print("inline constexpr int kCorrect = %d;" % correct)
    print(text("kGradients", flat(gradients)), end="")
    print(text("kParameters", flat(store.values)), end="")
    print(text("kStatistics", statistics), end="")
    print(text("kProbabilities", probabilities.ravel()))
    print("}  // namespace %s" % name)


print("// Made by golden.py; do not edit. Losses and gradients of the first of two training steps,")
print("// then parameters, running statistics and predicted probabilities after the second.")
print("#pragma once\n\n// clang-format off\nnamespace podium::nn::golden {")
for network_name, network_specs in NETWORKS.items():
    run(network_name, network_specs)
print("\n}  // namespace podium::nn::golden")
