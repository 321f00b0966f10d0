"""Makes C++ of a CUDA source: each launch `kernel<<<grid, block, shared, stream>>>(arguments)`
becomes a call of emulated::launch() of device.hpp. Nothing else needs to change: the words for where
code runs are macros of include/cuda_runtime_api.h.

usage: translate.py SOURCE.cu RESULT.cpp
"""
import re
import sys

LAUNCH = re.compile(r"(?P<kernel>[A-Za-z_]\w*(?:<[^;{}]*?>)?)\s*<<<(?P<how>.*?)>>>\s*\(", re.DOTALL)


def end_of_arguments(text, begin):
    """Where the parenthesis closes that was opened just before `begin`."""
    depth = 1
    for at in range(begin, len(text)):
        depth += {"(": 1, ")": -1}.get(text[at], 0)
        if depth == 0:
            return at
    raise SystemExit("a launch without its closing parenthesis")


def translate(text):
    parts = []
    done = 0
    for launch in LAUNCH.finditer(text):
        end = end_of_arguments(text, launch.end())
        parts += [
            text[done : launch.start()],
            f"::emulated::launch({{{launch['how']}}}, ",
            f"[=](auto... given) {{ {launch['kernel']}(given...); }}, ",
            text[launch.end() : end],
        ]
        done = end
    return "".join(parts) + text[done:]


def main():
    source, result = sys.argv[1:]
    with open(source, encoding="utf-8") as file:
        text = translate(file.read())
    with open(result, "w", encoding="utf-8") as file:
        # As nvcc does: the runtime's header comes first.
        file.write(f'#include <cuda_runtime_api.h>\n#line 1 "{source}"\n{text}')


main()
