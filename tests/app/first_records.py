#!/usr/bin/env python3
"""Writes a small data set out of an installed one: its first train records and all test records.

usage: first_records.py FOLDER_OF_IDX_FILES COUNT OUTPUT_FOLDER
"""
import gzip
import pathlib
import sys


def write_first(source, count, target):
    content = gzip.decompress(source.read_bytes())
    rank = content[3]
    sizes = [int.from_bytes(content[4 + 4 * i : 8 + 4 * i], "big") for i in range(rank)]
    record = (len(content) - 4 - 4 * rank) // sizes[0]
    kept = min(count, sizes[0])
    header = content[:4] + kept.to_bytes(4, "big") + content[8 : 4 + 4 * rank]
    body = content[4 + 4 * rank : 4 + 4 * rank + kept * record]
    target.write_bytes(header + body)


def main(folder, count, output):
    output.mkdir()
    for source in sorted(folder.glob("*-ubyte.gz")):
        limit = count if source.name.startswith("train") else sys.maxsize
        write_first(source, limit, output / source.name.removesuffix(".gz"))


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), int(sys.argv[2]), pathlib.Path(sys.argv[3]))
