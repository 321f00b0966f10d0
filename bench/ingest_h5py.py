#!/usr/bin/env python3
"""Brings an IDX data set into HDF5 the straightforward way: gzip, numpy and h5py.

The peer of `podium bench io`. It does the work of `podium ingest`: the same records, in chunks of
1,000 with Fletcher32 checksums, a seeded validation split, mean and standard deviation per channel.
Unlike Podium it computes no digests and does not sync the file to the disk. Its imports are not
timed.

usage: ingest_h5py.py FOLDER_OF_IDX_FILES OUTPUT.h5
"""
import gzip
import json
import sys
import time

import h5py
import numpy as np

BATCH = 1000
VALIDATION = 5000


def read_idx(path):
    with gzip.open(path, "rb") as file:
        content = file.read()
    rank = content[3]
    shape = [int.from_bytes(content[4 + 4 * i : 8 + 4 * i], "big") for i in range(rank)]
    return np.frombuffer(content, np.uint8, offset=4 + 4 * rank).reshape(shape)


def write_part(group, images, labels):
    shape = images.shape + (1,) if images.ndim == 3 else images.shape
    chunk = min(BATCH, len(images))
    stored = group.create_dataset(
        "images", shape, np.uint8, chunks=(chunk,) + shape[1:], fletcher32=True
    )
    for begin in range(0, len(images), BATCH):
        batch = images[begin : begin + BATCH]
        stored[begin : begin + len(batch)] = batch.reshape((len(batch),) + shape[1:])
    group.create_dataset("labels", data=labels, chunks=(chunk,), fletcher32=True)


def main(folder, output):
    started = time.perf_counter()
    parts = {}
    for part, prefix in (("train", "train"), ("test", "t10k")):
        images = read_idx(f"{folder}/{prefix}-images-idx3-ubyte.gz")
        labels = read_idx(f"{folder}/{prefix}-labels-idx1-ubyte.gz")
        assert len(images) == len(labels)
        parts[part] = (images, labels)

    images, labels = parts.pop("train")
    order = np.random.default_rng(1).permutation(len(images))
    validation, train = np.sort(order[:VALIDATION]), np.sort(order[VALIDATION:])
    parts["validation"] = (images[validation], labels[validation])
    parts["train"] = (images[train], labels[train])

    with h5py.File(output, "w") as file:
        for part, (part_images, part_labels) in parts.items():
            write_part(file.create_group(part), part_images, part_labels)
        scaled = parts["train"][0] / 255.0
        file.attrs["mean"] = scaled.mean()
        file.attrs["std"] = scaled.std()
    records = sum(len(part_labels) for _, part_labels in parts.values())
    print(json.dumps({"records": records, "seconds": time.perf_counter() - started}))


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2])
