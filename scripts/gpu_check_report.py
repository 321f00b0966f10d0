#!/usr/bin/env python3
"""Makes gpu_check.json and gpu_check.md of what gpu_check.sh has gathered.

usage: gpu_check_report.py FOLDER OUTPUT

FOLDER has `machine` and `sections`, lines of fields between tabs, and `results`, a file SECTION.NAME
per PODIUM_RESULT line. Results are kept whole in the JSON; the table shows their figures.
"""
import json
import pathlib
import sys

# Single figures of a result line that the table shows, by verb: key, unit.
FIGURES = {
    "train": [("val_accuracy", ""), ("images_per_s", "images/s"), ("train_s", "s"),
              ("exposed_comm_share", "")],
    "predict": [("images_per_s", "images/s"), ("accuracy", "")],
    "run": [("time_to_first_service_s", "s"), ("total_s", "s")],
    "select": [],
}
FRONT_DOOR = [("images_per_s", "images/s"), ("p50_ms", "ms"), ("p99_ms", "ms"), ("accuracy", "")]


def lines_of(path):
    return [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines() if line]


def machine_of(folder):
    machine = {}
    for key, value in lines_of(folder / "machine"):
        if key in ("gpu", "version", "build"):
            machine.setdefault(key, []).append(value.strip())
        else:
            machine[key] = int(value) if value.isdigit() else value
    return machine


def results_of(folder, section):
    results = {}
    for path in sorted((folder / "results").glob(section + ".*")):
        text = path.read_text(encoding="utf-8").strip()
        try:
            results[path.name[len(section) + 1:]] = json.loads(text)
        except json.JSONDecodeError:
            results[path.name[len(section) + 1:]] = {"unreadable": text}
    return results


def number(value):
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return "-" if value is None else str(value)
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def bench_figures(row):
    """One row of a benchmark, whatever its keys: what names it, then its figures."""
    figures = ("ours", "theirs", "ratio", "limit")
    names = [str(v) for k, v in row.items()
             if k not in (*figures, "unit", "note") and isinstance(v, (str, int)) and v != ""]
    parts = [f"{key} {number(row[key])}" for key in figures if row.get(key) is not None]
    return " ".join(names), ", ".join(parts), row.get("unit", "")


def figures_of(name, result):
    """Rows (what, figure, unit) of one result."""
    if "rows" in result:
        return [bench_figures(row) for row in result["rows"]]
    found = [(name, key, result[key], unit) for key, unit in FIGURES.get(result.get("verb"), [])
             if result.get(key) is not None]
    door = result.get("front_door") or {}
    found += [("front door", key, door[key], unit) for key, unit in FRONT_DOOR if key in door]
    return [(f"{who}: {key}", number(value), unit) for who, key, value, unit in found]


def markdown(report):
    machine = report["machine"]
    lines = ["# GPU check", ""]
    lines += [f"- {gpu}" for gpu in machine.get("gpu", ["GPU: its name is unknown"])]
    lines += [f"- {machine['cores']} cores, data: {machine['data']}, {machine['date']}, "
              f"{machine['seconds']} s in all"]
    lines += [f"- {text}" for text in machine.get("build", [])]
    lines += ["", "| section | outcome | seconds | |", "|---|---|---|---|"]
    lines += [f"| {s['name']} | {s['outcome']} | {s['seconds']} | {s['note']} |"
              for s in report["sections"]]
    for section in report["sections"]:
        rows = [row for name, result in section["results"].items()
                for row in figures_of(name, result)]
        if rows:
            lines += ["", f"## {section['name']}", "", "| what | figure | unit |", "|---|---|---|"]
            lines += [f"| {what} | {figure} | {unit} |" for what, figure, unit in rows]
    lines += ["", "## Versions", "", "```", *machine.get("version", []), "```", ""]
    return "\n".join(lines)


def main():
    folder, output = map(pathlib.Path, sys.argv[1:3])
    sections = [{"name": name, "outcome": outcome, "seconds": int(seconds), "note": note,
                 "results": results_of(folder, name)}
                for name, outcome, seconds, note in lines_of(folder / "sections")]
    report = {"machine": machine_of(folder), "sections": sections}
    (output / "gpu_check.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    (output / "gpu_check.md").write_text(markdown(report), encoding="utf-8")


if __name__ == "__main__":
    main()
