#!/usr/bin/env python3
"""What the pages point at is there: files, anchors, options, verbs, scripts, sources.

usage: links_test.py PROJECT BUILD

Read are README.md, CONTRIBUTING.md, CHANGELOG.md and docs/*.md. The other way round, docs/cli.md names every verb and
docs/README.md every page. Prints one line for each dead reference and
exits 1, or says how many references it followed. `checks_test.py` shows that each kind is found.
"""
import pathlib
import re
import subprocess
import sys

from pages import anchors, read_page

OPTION = re.compile(r"--([a-z]+(?:\.[a-z0-9_]+|\.\*)+)(?![\w-])")
VARIABLE = re.compile(r"\bPODIUM_([A-Z]+)__([A-Z0-9_]+)\b")
SHORT_OPTION = re.compile(r"\s--([a-z][a-z0-9_]*)(?=[=\s]|$)")
VERB = re.compile(r"(?:^|[\s/|(])podium\s+([a-z]+)\b(?![./-])(?:\s+([a-z]+)\b(?![./]))?")
PATH = re.compile(r"(?:\./)?(?:[\w.*-]+/)+[\w.*-]*")
ROOTS = ("bench", "cmake", "docs", "inputs", "packaging", "scripts", "slurm", "src", "tests")
SOURCE = re.compile(r"\.(?:cpp|hpp|cu|cuh)$")
COMMAND = re.compile(r"(?:^|[\s;(])podium\s+([a-z]+)\s+(.*)$")
ALWAYS = {"help", "version", "print-config"}
PLACEHOLDER = "section.key"


class Project:
    """What references are compared with."""

    def __init__(self, root, verbs, options):
        """`verbs` is {verb: what may follow it}, of most verbs nothing in particular."""
        self.root, self.verbs = root, verbs
        self.options = set(options)
        self.patterns = [re.compile(re.escape(key).replace(r"\*", r"[\w-]+")) for key in options]
        self.anchors = {}

    def has_option(self, key):
        if key == PLACEHOLDER:
            return True
        if "*" in key and key not in self.options:
            start = key.split("*")[0]
            return any(option.startswith(start) for option in self.options)
        return any(pattern.fullmatch(key) for pattern in self.patterns)

    def has_path(self, text):
        text = text.removeprefix("./").rstrip("/")
        base = self.root if text.split("/")[0] in ROOTS else self.root / "src"
        return any(base.glob(text)) if "*" in text else (base / text).exists()

    def anchors_of(self, path):
        if path not in self.anchors:
            self.anchors[path] = anchors(read_page(path).headings())
        return self.anchors[path]


def check_links(page, project):
    for line, target in page.links():
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        path = (page.path.parent / file).resolve() if file else page.path
        if not path.exists():
            yield line, f"no file '{file}'"
        elif anchor and (path.suffix != ".md" or anchor not in project.anchors_of(path)):
            yield line, f"no heading '#{anchor}' in {file or page.path.name}"


def texts(page):
    """Lines of code: spans, and the lines of blocks with continuations joined."""
    yield from page.spans()
    for block in page.blocks:
        joined = ""
        for offset, text in enumerate(block.lines, 1):
            joined += text.removesuffix("\\").strip() + " "
            if not text.endswith("\\"):
                yield block.line + offset, joined.strip()
                joined = ""


def sections_of(verb, project):
    """Where a verb's own flags may be looked up without their section."""
    sections = {key.split(".")[0] for key in project.options if "." in key}
    return [verb] if verb in sections else []


def check_options(page, project):
    for line, text in texts(page):
        for key in OPTION.findall(text):
            if not project.has_option(key):
                yield line, f"no option '--{key}'"
        for section, name in VARIABLE.findall(text):
            if not project.has_option(f"{section}.{name}".lower()):
                yield line, f"no option for PODIUM_{section}__{name}"
        command = COMMAND.search(text.split(" #")[0])
        if not command or command.group(1) not in project.verbs:
            continue
        for key in SHORT_OPTION.findall(" " + command.group(2)):
            known = [key] + [f"{section}.{key}" for section in sections_of(command.group(1), project)]
            if key not in ALWAYS and not any(map(project.has_option, known)):
                yield line, f"no option '--{key}' of 'podium {command.group(1)}'"


def check_verbs(page, project):
    for line, text in texts(page):
        for verb, what in VERB.findall(text.split(" #")[0]):
            if verb not in project.verbs:
                yield line, f"no verb 'podium {verb}'"
            elif what and project.verbs[verb] and what not in project.verbs[verb]:
                yield line, f"nothing called 'podium {verb} {what}'"


def looks_like_ours(path):
    first = path.removeprefix("./").split("/")[0]
    return first in ROOTS or SOURCE.search(path) is not None


def check_paths(page, project):
    for line, text in texts(page):
        for word in re.split(r"[\s,;()'\"=]+", text):
            path = re.sub(r"[:.]+$", "", word)
            if PATH.fullmatch(path) and looks_like_ours(path) and not project.has_path(path):
                yield line, f"no file '{path}'"


CHECKS = (check_links, check_options, check_verbs, check_paths)


def findings(page, project):
    return sorted({finding for check in CHECKS for finding in check(page, project)})


def left_out(project):
    """What the two lists of contents do not have."""
    verbs = (project.root / "docs/cli.md").read_text(encoding="utf-8")
    for verb, kinds in project.verbs.items():
        for name in [f"{verb} {kind}" for kind in kinds] or [verb]:
            if not re.search(rf"`{name}[` \[]", verbs):
                yield "docs/cli.md", f"verb '{name}' is not there"
    pages = (project.root / "docs/README.md").read_text(encoding="utf-8")
    for path in sorted((project.root / "docs").glob("*.md")):
        if path.name != "README.md" and f"]({path.name})" not in pages:
            yield "docs/README.md", f"page '{path.name}' is not there"


def options_of(page):
    return re.findall(r"^\| `([^`]+)` \|", page.read_text(encoding="utf-8"), re.MULTILINE)


def verbs_of(executable):
    text = subprocess.run([executable, "--help"], capture_output=True, text=True, timeout=60, check=True).stdout
    verbs = {}
    for verb, meaning in re.findall(r"^  ([a-z]+) +(.*)$", text, re.MULTILINE):
        named = re.search(rf": {verb} ([a-z]+(?:, [a-z]+)*?)(?:, [a-z]+ .*)?$", meaning)  # "bench io, nn", "inspect memo"
        verbs[verb] = named.group(1).split(", ") if named and verb in ("bench", "inspect") else []
    return verbs


def pages_of(root):
    return [root / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")] + \
        sorted((root / "docs").glob("**/*.md"))


def main():
    root, build = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2])
    project = Project(root, verbs_of(build / "podium"), options_of(root / "docs/options.md"))
    dead, count = 0, 0
    for path in pages_of(root):
        page = read_page(path)
        count += len(page.links()) + len(page.spans()) + len(page.blocks)
        for line, what in findings(page, project):
            print(f"{path.relative_to(root)}:{line}: {what}")
            dead += 1
    for page, what in left_out(project):
        print(f"{page}: {what}")
        dead += 1
    print(f"{count} links, code spans and blocks followed, {dead} dead")
    sys.exit(1 if dead or count < 1000 else 0)


if __name__ == "__main__":
    main()
