#!/usr/bin/env python3
"""Runs the console blocks of a page, in order, and compares what they print with what the page shows.

usage: pages_run_test.py PROJECT BUILD PAGE...

Each page is one session of bash in an empty folder of its own, with podium and scripts/ on the PATH, PODIUM_SHARE
naming the project, and a free port in the place of 8080. The first difference ends the page. What it started ends
with it. `console.py` says how outputs are compared.

Two notes above a block: `needs: NAME` leaves it out, and says so, where there is no program and no module of Python
called NAME; `any: WORD...` is explained in console.py. A note `the page needs: PATH` skips a page where PATH is not.
"""
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading

import console
from pages import read_page

MARK = "@end-of-command"
PAGE_S = 900  # of a page in all; commands of a page take two minutes on a quiet machine
PORT = "8080"


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return str(listener.getsockname()[1])


def has_module(python, name):
    probe = [python, "-c", f"import {name}"]
    return subprocess.run(probe, stderr=subprocess.DEVNULL, timeout=60, check=False).returncode == 0


def choose_python(project):
    """The folder of a Python that has h5py, if there is one: as tests/app/python.hpp looks for it."""
    named = [os.environ.get("PODIUM_TEST_PYTHON"), str(project / "build/peers/bin/python")]
    for python in [name for name in named if name and os.path.exists(name)] + [sys.executable]:
        if has_module(python, "h5py"):
            return os.path.dirname(python)
    return os.path.dirname(sys.executable)


def is_there(name, pythons):
    return shutil.which(name) is not None or has_module(f"{pythons}/python3", name)


def commands_of(page, pythons):
    result, left_out = [], set()
    for block in page.blocks:
        if block.language != "console":
            continue
        need = re.search(r"needs:\s*(\S+)", block.note)
        if need and not is_there(need.group(1), pythons):
            left_out.add(need.group(1))
            continue
        result += console.commands(block)
    return result, left_out


def script_of(commands, port):
    lines = ["set -m", "exec 2>&1"]
    for number, command in enumerate(commands):
        lines += [re.sub(rf"\b{PORT}\b", port, command.text),
                  f"__status=$?; printf '\\n{MARK} {number} %d\\n' $__status; (exit $__status)"]
    return "\n".join(lines) + "\n"


def environment(project, build, port, pythons):
    paths = [str(build), str(project / "scripts"), pythons, os.environ["PATH"]]
    return dict(os.environ, PATH=":".join(paths), PODIUM_SHARE=str(project), PODIUM_SERVE__PORT=port, NO_COLOR="1")


def end_session(leader):
    """Ends every process of the session that `leader` began."""
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            session = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[3])
            if session == leader:
                os.kill(int(entry.name), signal.SIGKILL)
        except (OSError, IndexError, ValueError):
            pass  # it has just ended


def outputs(shell, port):
    """(number, status, output) of each command as it ends."""
    lines = []
    for line in shell.stdout:
        line = line.rstrip("\n")
        if line.startswith(MARK):
            _, number, status = line.split()
            if lines and not lines[-1]:
                lines.pop()
            yield int(number), int(status), "\n".join(lines).replace(port, PORT)
            lines = []
        else:
            lines.append(line)


def complaint(commands, number, status, output):
    """What is wrong about the end of a command; None when all is as shown."""
    command = commands[number]
    asks = number + 1 < len(commands) and commands[number + 1].text == "echo $?"
    missing = console.difference(command, output)
    if missing is not None:
        return f"the page shows\n  {missing}"
    if status != 0 and not asks:
        return f"it ends with {status}"
    return None


def what_is_missing(page):
    needed = [match.group(1) for note in page.notes if (match := re.fullmatch(r"the page needs:\s*(\S+)", note))]
    return [path for path in needed if not os.path.exists(path)]


def run_page(page, project, build):
    """The number of commands that were run; None when one was not as shown."""
    pythons, path = choose_python(project), page.path
    commands, left_out = commands_of(page, pythons)
    for name in sorted(left_out):
        print(f"{path.name}: a block is left out, for there is no {name}")
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        script = pathlib.Path(folder, ".session")
        script.write_text(script_of(commands, port))
        work = pathlib.Path(folder, "work")
        work.mkdir()
        shell = subprocess.Popen(["bash", "--norc", "--noprofile", script], cwd=work, stdin=subprocess.DEVNULL,
                                 stdout=subprocess.PIPE, text=True, errors="replace", start_new_session=True,
                                 env=environment(project, build, port, pythons))
        limit = threading.Timer(PAGE_S, end_session, [shell.pid])
        limit.start()
        done = -1
        try:
            for number, status, output in outputs(shell, port):
                wrong = complaint(commands, number, status, output)
                if wrong:
                    command = commands[number]
                    print(f"{path.name}:{command.line}: $ {command.text}\n{wrong}\nand it printed\n{output}")
                    return None
                done = number
        finally:
            limit.cancel()
            end_session(shell.pid)
            shell.wait()
    if done + 1 < len(commands):
        print(f"{path.name}:{commands[done + 1].line}: $ {commands[done + 1].text}\ndid not end within {PAGE_S} s")
        return None
    return len(commands)


def main():
    project, build = (pathlib.Path(text).resolve() for text in sys.argv[1:3])
    pages = [read_page(pathlib.Path(page)) for page in sys.argv[3:]]
    for missing in [path for page in pages for path in what_is_missing(page)]:
        print(f"SKIPPED: there is no {missing}")
        sys.exit(77)
    counts = [run_page(page, project, build) for page in pages]
    for page, count in zip(pages, counts):
        if count is not None:
            print(f"{page.path.name}: {count} commands, each as shown")
    sys.exit(0 if all(counts) else 1)


if __name__ == "__main__":
    main()
