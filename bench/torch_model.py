"""Builds a PyTorch module from Podium's architecture text (docs/architecture_text.md).

The peer of a Podium model in benchmarks and in the golden tests: the same layers, padding and
shapes, with parameters listed under Podium's buffer names. It shares no code with src/nn.
"""
import re

import torch
from torch import nn


class Residual(nn.Module):
    """max(body(x) + shortcut(x), 0)"""

    def __init__(self, body, shortcut):
        super().__init__()
        self.body, self.shortcut, self.relu = body, shortcut, nn.ReLU(inplace=True)

    def forward(self, x):
        return self.relu(self.body(x) + self.shortcut(x))


class FlattenChannelsLast(nn.Module):
    """[N,C,H,W] to [N,H*W*C], the order of Podium's dense weights."""

    def forward(self, x):
        return x.permute(0, 2, 3, 1).flatten(1)


class GlobalAverage(nn.Module):
    def forward(self, x):
        return x.mean((2, 3), keepdim=True)


def parse(text):
    """Layers as (word, arguments, body) tuples, with `repeat` unrolled and bodies of `res` written out."""
    tokens = re.findall(r"[{};]|[^\s{};]+", text)
    layers, rest = _sequence(tokens, 0)
    if rest != len(tokens):
        raise ValueError(f"'}}' without '{{' in architecture text: {text}")
    return layers


def _sequence(tokens, at):
    layers = []
    while at < len(tokens) and tokens[at] != "}":
        if tokens[at] == ";":
            at += 1
            continue
        words = []
        while at < len(tokens) and tokens[at] not in "{};":
            words.append(tokens[at])
            at += 1
        body = None
        if at < len(tokens) and tokens[at] == "{":
            body, at = _sequence(tokens, at + 1)
            at += 1
        if words[0] == "repeat":
            layers += body * int(words[1])
        else:
            layers.append(_layer(words, body))
    return layers, at


def _layer(words, body):
    word, arguments = words[0], words[1:]
    if word == "res" and body is None:
        width, stride = arguments
        body = parse(f"conv {width} 3 stride {stride}; bn; relu; conv {width} 3; bn")
    return word, arguments, body


class _Builder:
    def __init__(self, classes, channels_last_flatten):
        self.classes = classes
        self.flatten = FlattenChannelsLast if channels_last_flatten else nn.Flatten
        self.named = []  # (Podium's buffer name, parameter)
        self.statistics = []  # (Podium's buffer name, module, attribute)

    def sequence(self, layers, prefix, shape):
        modules = nn.Sequential()
        for i, (word, arguments, body) in enumerate(layers):
            bias = i + 1 == len(layers) or layers[i + 1][0] != "bn"
            name = f"{prefix}{i}.{word}"
            module, shape = getattr(self, word)(name, arguments, body, shape, bias)
            modules.append(module)
        return modules, shape

    def conv(self, name, arguments, _, shape, bias):
        width, kernel = int(arguments[0]), int(arguments[1])
        stride = int(arguments[3]) if len(arguments) > 2 else 1
        before, after = (kernel - 1) // 2, kernel // 2
        same = before == after
        module = nn.Conv2d(shape[0], width, kernel, stride, before if same else 0, bias=bias)
        self.weighted(name, module)
        out = (width, -(-shape[1] // stride), -(-shape[2] // stride))
        if same:
            return module, out
        return nn.Sequential(nn.ZeroPad2d((before, after, before, after)), module), out

    def dense(self, name, arguments, _, shape, bias):
        width = self.classes if arguments[0] == "classes" else int(arguments[0])
        module = nn.Linear(shape[0] * shape[1] * shape[2], width, bias=bias)
        self.weighted(name, module)
        flat = len(shape) == 4  # made by a dense layer before
        return module if flat else nn.Sequential(self.flatten(), module), (width, 1, 1, "flat")

    def weighted(self, name, module):
        self.named.append((name + ".weight", module.weight))
        if module.bias is not None:
            self.named.append((name + ".bias", module.bias))

    def bn(self, name, _arguments, _body, shape, _bias):
        kind = nn.BatchNorm1d if len(shape) == 4 else nn.BatchNorm2d
        module = kind(shape[0])
        self.named += [(name + ".scale", module.weight), (name + ".shift", module.bias)]
        self.statistics += [(name + ".mean", module, "running_mean"),
                            (name + ".variance", module, "running_var")]
        return module, shape

    def relu(self, _name, _arguments, _body, shape, _bias):
        return nn.ReLU(inplace=True), shape

    def pool(self, _name, arguments, _body, shape, _bias):
        return self.window(nn.MaxPool2d, arguments, shape)

    def avgpool(self, _name, arguments, _body, shape, _bias):
        return self.window(nn.AvgPool2d, arguments, shape)

    @staticmethod
    def window(kind, arguments, shape):
        kernel = int(arguments[0])
        stride = int(arguments[2]) if len(arguments) > 1 else kernel
        out = (shape[0], (shape[1] - kernel) // stride + 1, (shape[2] - kernel) // stride + 1)
        return kind(kernel, stride), out

    def gap(self, _name, _arguments, _body, shape, _bias):
        return GlobalAverage(), (shape[0], 1, 1)

    def dropout(self, _name, arguments, _body, shape, _bias):
        return nn.Dropout(float(arguments[0])), shape

    def res(self, name, arguments, body, shape, _bias):
        width, stride = int(arguments[0]), int(arguments[1])
        branch, out = self.sequence(body, name + ".", shape)
        shortcut = nn.Identity()
        if out != shape:
            conv, _ = self.conv(name + ".shortcut.conv", [width, 1, "stride", stride], None, shape,
                                False)
            norm, _ = self.bn(name + ".shortcut.bn", None, None, out, False)
            shortcut = nn.Sequential(conv, norm)
        return Residual(branch, shortcut), out


def build(text, shape, classes, channels_last_flatten=False):
    """A module for images [N,C,H,W], with `shape` = (C, H, W).

    `module.named_buffers_of_podium` lists (name, parameter) in Podium's order; see also
    statistics(). `channels_last_flatten` gives dense layers Podium's order of inputs; without it
    they have PyTorch's own, which is as fast and means the same network.
    """
    builder = _Builder(classes, channels_last_flatten)
    module, _ = builder.sequence(parse(text), "", tuple(shape))
    module.named_buffers_of_podium = builder.named
    module.statistics_of_podium = builder.statistics
    return module


def statistics(module):
    """(name, tensor) of running statistics, in Podium's order."""
    return [(n, getattr(norm, which)) for n, norm, which in module.statistics_of_podium]


def without_inplace(module):
    """Makes every ReLU keep its input, for those who look at it."""
    for each in module.modules():
        if isinstance(each, nn.ReLU):
            each.inplace = False
    return module


def is_decayed(name):
    """Weight decay applies to weights, not to biases and batch norm."""
    return name.endswith(".weight")


def sgd_groups(module, weight_decay):
    named = module.named_buffers_of_podium
    return [
        {"params": [p for n, p in named if is_decayed(n)], "weight_decay": weight_decay},
        {"params": [p for n, p in named if not is_decayed(n)], "weight_decay": 0.0},
    ]


def parameter_count(module):
    return sum(p.numel() for p in module.parameters())

