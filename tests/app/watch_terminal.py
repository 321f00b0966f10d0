"""Runs a command at a terminal of its own, and tells what somebody saw there.

Usage: watch_terminal.py OUT.json COLUMNSxROWS [--resize COLUMNSxROWS] [--signal NAME] [--at TEXT]
                         [--limit SECONDS] -- COMMAND...

The bytes go through pyte, a terminal emulator. The resize and the signal come once TEXT is on the
screen. Output: the exit status (124 when it took too long), the last screen with what has scrolled
off, all screens on the way that differ, whether the cursor is shown, where it is, and the raw text.
"""

import fcntl
import json
import os
import pty
import select
import signal
import struct
import sys
import termios
import time

import pyte


def parse(words):
    options = {"resize": None, "signal": None, "at": None, "limit": "100"}
    split = words.index("--")
    out, size, *rest = words[:split]
    for name, value in zip(rest[::2], rest[1::2]):
        options[name.removeprefix("--")] = value
    return out, size, options, words[split + 1 :]


def resize(descriptor, size):
    columns, rows = (int(part) for part in size.split("x"))
    fcntl.ioctl(descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    return columns, rows


def lines_of(screen):
    past = ["".join(line[x].data for x in range(screen.columns)) for line in screen.history.top]
    return [line.rstrip() for line in past + list(screen.display)]


def main():
    out, size, options, command = parse(sys.argv[1:])
    child, terminal = pty.fork()
    if child == 0:
        resize(0, size)
        os.execvp(command[0], command)
    columns, rows = resize(terminal, size)
    screen = pyte.HistoryScreen(columns, rows, history=10000)
    stream = pyte.ByteStream(screen)
    raw = b""
    screens = []
    waiting = options["at"] is not None
    deadline = time.monotonic() + float(options["limit"])
    while time.monotonic() < deadline:
        if not select.select([terminal], [], [], 0.2)[0]:
            continue
        try:
            piece = os.read(terminal, 65536)
        except OSError:  # nobody has it open any more
            break
        if not piece:
            break
        raw += piece
        stream.feed(piece)
        seen = [line.rstrip() for line in screen.display]
        if not screens or screens[-1] != seen:
            screens.append(seen)
        if waiting and any(options["at"] in line for line in seen):
            waiting = False
            if options["resize"]:
                columns, rows = resize(terminal, options["resize"])
                screen.resize(rows, columns)
            if options["signal"]:
                os.kill(child, getattr(signal, options["signal"]))
    else:
        os.kill(child, signal.SIGKILL)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if time.monotonic() >= deadline:
        status = 124
    result = {
        "status": status,
        "lines": lines_of(screen),
        "screens": screens,
        "cursor_hidden": screen.cursor.hidden,
        "cursor": [screen.cursor.x, screen.cursor.y],
        "raw": raw.decode("utf-8", "replace"),
    }
    with open(out, "w") as file:
        json.dump(result, file)


main()
