"""What the bench found, for readers: a table and a plot in docs/explanation, and the history that `--check` compares with."""

from __future__ import annotations

import json
import platform
import subprocess
import time
from pathlib import Path
from xml.sax.saxutils import escape

DOCS = Path(__file__).resolve().parents[2] / "docs/explanation"
PAGE, PLOT, HISTORY = DOCS / "performance.md", DOCS / "performance.svg", DOCS / "performance-history.json"
BEGIN, END = "<!-- begin: written by `nox -s bench -- --write` -->", "<!-- end -->"
WORSE = 1.25  # as much worse as the last time counts as a regression
KEPT = 20  # entries of the history

Row = dict[str, object]


def history() -> list[dict[str, object]]:
    return json.loads(HISTORY.read_text()) if HISTORY.exists() else []


def check(rows: list[Row]) -> list[str]:
    """What has become worse than it was in the last entry that has it."""
    found = []
    for row in rows:
        kind, unit = ("ratios", "times the base") if "ratio" in row else ("memory", "MB")
        now = float(row.get("ratio", row.get("pss", 0)))  # type: ignore[arg-type]
        pasts = [past.get(kind, {}) for past in reversed(history())]
        last = next((float(past[row["name"]]) for past in pasts if row["name"] in past), 0.0)  # type: ignore[index,operator]
        if last and now > WORSE * last:
            found.append(f"{row['name']}: {now} {unit}, {last} before")
    return found


def write(rows: list[Row]) -> None:
    """Table, plot, history."""
    text = PAGE.read_text()
    before, _, rest = text.partition(BEGIN)
    after = rest.partition(END)[2]
    PAGE.write_text(f"{before}{BEGIN}\n\n{machine()}\n\n{tables(rows)}\n\n{END}{after}")
    PLOT.write_text(plot([row for row in rows if "ratio" in row and row.get("base") == "raw"]))
    entry = {
        "date": time.strftime("%Y-%m-%d"),
        "machine": machine(),
        "ratios": {str(row["name"]): row["ratio"] for row in rows if "ratio" in row},
        "memory": {str(row["name"]): row["pss"] for row in rows if "pss" in row},
    }
    HISTORY.write_text(json.dumps([*history(), entry][-KEPT:], indent=1) + "\n")


def machine() -> str:
    """Where it was measured."""
    version = subprocess.run(["bwrap", "--version"], capture_output=True, text=True, check=True).stdout.split()[-1]
    cores = len([line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("processor")])
    return f"{cores} cores, {platform.machine()}, Linux {platform.release().split('-')[0]}, bubblewrap {version}"


def tables(rows: list[Row]) -> str:
    """Markdown: one for each base, and one of memory."""
    parts = []
    for base, title in (("raw", "times bubblewrap alone"), ("loopback", "times loopback")):
        found = [row for row in rows if "ratio" in row and row.get("base") == base]
        lines = [f"| what | ms | {title} | aim |", "|---|---:|---:|---:|"]
        for row in found:
            name = "bubblewrap alone, 40 mounts" if row["name"] == "raw" else row["name"]
            aim = f" {row['aim']:g}" if row.get("aim") else ""
            lines.append(f"| {name} | {milliseconds(float(row['ms']))} | {row['ratio']:.2f} |{aim} |")  # type: ignore[arg-type]
        parts += ["\n".join(lines)] if found else []
    if found := [row for row in rows if "text" in row]:
        parts.append("\n".join(["| what | |", "|---|---|", *(f"| {row['name']} | {row['text']} |" for row in found)]))
    return "\n\n".join(parts)


def milliseconds(value: float) -> str:
    """Three digits at least of what is less than one."""
    return f"{value:.1f}" if value >= 1 else f"{value:.3f}"


def plot(rows: list[Row]) -> str:
    """Bars on a logarithmic scale, dark or light as the page."""
    from math import log10

    top = max(log10(max(float(row["ratio"]), 1.0)) for row in rows) or 1.0  # type: ignore[arg-type]
    height, left, wide = 22, 330, 380
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {left + wide + 70} {height * len(rows) + 30}" font-family="sans-serif" font-size="12">',
        "<title>Times the start of bubblewrap alone, logarithmic</title>",
        "<style>text{fill:#222}rect{fill:#3b6ea5}@media(prefers-color-scheme:dark){text{fill:#ddd}rect{fill:#7aa7d8}}</style>",
    ]
    for at, row in enumerate(rows):
        name = "bubblewrap alone" if row["name"] == "raw" else str(row["name"]).replace("`", "")
        ratio = float(row["ratio"])  # type: ignore[arg-type]
        bar = max(2.0, wide * log10(max(ratio, 1.0)) / top)
        y = height * at + 8
        out.append(f'<text x="{left - 8}" y="{y + 12}" text-anchor="end">{escape(name[:52])}</text>')
        out.append(
            f'<rect x="{left}" y="{y}" width="{bar:.1f}" height="15"/><text x="{left + bar + 6:.1f}" y="{y + 12}">{ratio:.2f}</text>'
        )
    return "\n".join([*out, "</svg>"]) + "\n"
