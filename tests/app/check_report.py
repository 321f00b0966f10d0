#!/usr/bin/env python3
"""Checks a page of `podium report` against the run folders it is about.

check_report.py report.html RUN...

- The page is well formed: an XML parser reads it, and html5lib, where it is installed, strictly.
- Each number says where in the embedded data it stands, has that value, and is written as it.
- Each point of a chart stands where its value belongs: on one line with the others.
- The embedded data are what the files of the run folders hold.
- The page loads nothing and runs nothing.

Prints how much was compared; exits with 1 and a line for each thing that is wrong.
"""
import html.parser
import json
import os
import re
import sys
import xml.etree.ElementTree

wrong = []


def complain(text):
    wrong.append(text)


class Page(html.parser.HTMLParser):
    """Numbers, points, links and the embedded data, in the order of the page."""

    void = {"meta", "img", "br", "link"}

    def __init__(self):
        super().__init__()
        self.numbers, self.points, self.links, self.ids, self.scripts = [], [], [], [], []
        self.data, self.svg, self.open, self.styles = "", 0, [], []
        self.tags = set()

    def handle_starttag(self, tag, attributes):
        self.start(tag, dict(attributes))
        if tag not in self.void:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.start(tag, dict(attributes))

    def start(self, tag, attributes):
        self.tags.add(tag)
        if tag == "svg":
            self.svg += 1
        if "id" in attributes:
            self.ids.append(attributes["id"])
        for name in ("href", "src", "action", "data", "poster", "srcset"):
            if name in attributes:
                self.links.append((tag, name, attributes[name]))
        for name in attributes:
            if name.startswith("on"):
                complain(f"an element {tag} has {name}")
        if tag in ("data", "tspan") and "data-key" in attributes:
            self.numbers.append([attributes, ""])
        elif "data-key" in attributes:
            self.points.append((self.svg, attributes))
        if tag == "script":
            self.scripts.append(attributes)

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            complain(f"</{tag}> closes another element")

    def handle_data(self, text):
        if not self.open:
            return
        if self.open[-1] == "script":
            self.data += text
        elif self.open[-1] == "style":
            self.styles.append(text)
        elif self.open[-1] in ("data", "tspan") and self.numbers and not self.numbers[-1][1]:
            self.numbers[-1][1] = text


def resolve(data, pointer):
    for part in pointer.split("/")[1:]:
        part = part.replace("~1", "/").replace("~0", "~")
        data = data[int(part)] if isinstance(data, list) else data[part]
    return data


def three_digits(value):
    size = abs(value)
    if size == 0:
        return "0"
    decimals = 0 if size >= 99.95 else 1 if size >= 9.995 else 2 if size >= 0.9995 else 3
    return f"{value:.{decimals}f}"


def in_units(value, units):
    for size, name in units:
        if abs(value) >= 0.9995 * size:
            return three_digits(value / size) + name
    return three_digits(value / units[-1][0]) + units[-1][1]


def written(value, way):
    if way == "percent":
        return f"{value * 100:.2f} %"
    if way == "points":
        return f"{value * 100:.2f} points"
    if way == "seconds":
        if abs(value) >= 7200:
            return three_digits(value / 3600) + " h"
        if abs(value) >= 120:
            return three_digits(value / 60) + " min"
        return in_units(value, [(1, " s"), (1e-3, " ms"), (1e-6, " µs")])
    if way == "ms":
        return three_digits(value) + " ms"
    if way == "count":
        return f"{value:,.0f}"
    if way == "rate":
        return in_units(value, [(1e9, " G"), (1e6, " M"), (1e3, " k"), (1, "")])
    if way == "bytes":
        return in_units(value, [(1e9, " GB"), (1e6, " MB"), (1e3, " kB"), (1, " B")])
    return f"{value:.4g}"


def check_numbers(page, data):
    for attributes, text in page.numbers:
        key = attributes["data-key"]
        try:
            value = resolve(data, key)
        except (KeyError, IndexError, ValueError, TypeError):
            complain(f"{key} is not in the data")
            continue
        shown = json.loads(attributes.get("value", attributes.get("data-value", "null")))
        if shown != value:
            complain(f"{key} is {value}, the page has {shown}")
        if written(value, attributes["data-as"]) != text:
            complain(f"{key} is {value}, the page says {text!r}")


def check_points(page, data):
    """Heights of the points of a picture are a line over their values, by kind of value."""
    charts = {}
    for svg, attributes in page.points:
        key = attributes["data-key"]
        value = resolve(data, key)
        charts.setdefault((svg, key.rsplit("/", 1)[1]), []).append((value, float(attributes["cy"]), key))
    for points in charts.values():
        low, high = min(points), max(points)
        if low[0] == high[0]:
            continue
        if not low[1] > high[1]:
            complain(f"{high[2]} stands below {low[2]}")
        for value, height, key in points:
            expected = low[1] + (high[1] - low[1]) * (value - low[0]) / (high[0] - low[0])
            if abs(expected - height) > 0.05:
                complain(f"{key} stands at {height}, its place is {expected:.2f}")


def json_lines(path):
    found = []
    if os.path.exists(path):
        with open(path, encoding="utf-8", errors="replace") as file:
            for line in file:
                try:
                    one = json.loads(line)
                except ValueError:
                    continue
                if isinstance(one, dict):
                    found.append(one)
    return found


def check_files(run, folder):
    if not run["left_out"] and run["events"] != json_lines(os.path.join(folder, "metrics.jsonl")):
        complain(f"{folder}: the events of the page are not those of metrics.jsonl")
    if run["memo"] != json_lines(os.path.join(folder, "memo.jsonl")):
        complain(f"{folder}: the decisions of the page are not those of memo.jsonl")
    for name, evaluation in run["evaluation"].items():
        with open(os.path.join(folder, "evaluation", name + ".json"), encoding="utf-8") as file:
            kept = json.load(file)
        for one in kept.get("mistakes", {}).get("list", []):
            del one["pixels"]
        if kept != evaluation:
            complain(f"{folder}: the evaluation {name} of the page is not that of the folder")


def check_alone(page):
    """Nothing is fetched, nothing runs; what links name is there."""
    for tag, name, value in page.links:
        if value.startswith("#"):
            if value[1:] not in page.ids:
                complain(f"a link to {value}, which is not there")
        elif not (tag == "img" and value.startswith("data:image/png;base64,")):
            complain(f"<{tag} {name}={value[:60]!r}> is outside of the page")
    if len(set(page.ids)) != len(page.ids):
        complain("an id is used twice: " + ", ".join(sorted({i for i in page.ids if page.ids.count(i) > 1})))
    for attributes in page.scripts:
        if attributes.get("type") != "application/json":
            complain("the page has a script")
    for style in page.styles:
        if re.search(r"url\(|@import", style):
            complain("the style sheet loads something")
    for tag in page.tags & {"iframe", "object", "embed", "link", "base", "form"}:
        complain(f"the page has an element {tag}")


def check_forms(text):
    xml.etree.ElementTree.fromstring(text.split("\n", 1)[1])  # behind the doctype
    try:
        import html5lib
    except ImportError:
        return "html5lib is not installed"
    html5lib.HTMLParser(strict=True).parse(text)
    return "html5lib agrees"


def main(path, folders):
    with open(path, encoding="utf-8") as file:
        text = file.read()
    forms = check_forms(text)
    page = Page()
    page.feed(text)
    page.close()
    data = json.loads(page.data)
    check_numbers(page, data)
    check_points(page, data)
    if len(folders) != len(data["runs"]):
        complain(f"the page is about {len(data['runs'])} runs, not {len(folders)}")
    for run, folder in zip(data["runs"], folders):
        check_files(run, folder)
    check_alone(page)
    for line in wrong:
        print("wrong:", line)
    print(f"{len(page.numbers)} numbers, {len(page.points)} points, {len(text)} characters; {forms}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
