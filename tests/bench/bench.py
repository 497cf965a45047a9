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
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from page import check, write
from pairs import Case, Runner
from world import World, raw

PARTS = ("start", "commands", "mounts", "large", "review", "together", "memory", "peers")
SETTLED = 2.2  # seconds until inner keeps what it made of a file that was written just now (inner.kept)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--only", action="append", choices=PARTS, default=[])
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--user", default="inner-tests")
    parser.add_argument("--python", default="", help="interpreter that runs inner (default: this one)")
    parser.add_argument("--packages", default="", help="where that one finds typer and pydantic")
    parser.add_argument("--pyz", default="", help="an inner.pyz to compare")
    asked = parser.parse_args()
    user = pwd.getpwnam(asked.user)[2:4] if os.getuid() == 0 else None
    top = Path(tempfile.mkdtemp(prefix="inner-bench-", dir="/var/tmp"))
    top.chmod(0o755)
    try:
        world = World(top, asked.python, asked.packages)
        bench = Bench(world, asked.rounds, user)
        for part in asked.only or PARTS:
            print(f"bench: {part}", file=sys.stderr, flush=True)
            getattr(bench, part)(asked)
    finally:
        shutil.rmtree(top, ignore_errors=True)
    for row in bench.rows:
        print(f"{row['name']:48} {row.get('ms', 0):9.1f} ms {row.get('ratio', 0):7.2f} x  {row.get('text', '')}")
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
                self.rows.append({"name": case.name, "ms": round(case.ms, 2), "ratio": round(case.ratio, 2), "base": case.base})

    def run(self, name: str, cwd: str, *words: str, start: str = "", **more: object) -> Case:
        return Case(name, [start or self.inner, "run", *words, "--", "true"], cwd, **more)  # type: ignore[arg-type]

    # --- parts ------------------------------------------------------------------------------------------------------------

    def start(self, asked: argparse.Namespace) -> None:
        cases = [
            Case("raw", raw()),
            Case("the interpreter alone, `python -IS -c pass`", [self.world.python, "-IS", "-c", "pass"]),
            self.run("`inner run -- true`", self.plain),
            self.run("the same in a git repository", self.git),
            self.run("the same by the script that pip writes", self.plain, start=str(self.world.bin / "inner-pip")),
            self.run("with hosts allowed", self.plain, "--allow-host", "example.test"),
        ]
        if asked.pyz:
            cases.append(self.run("the same from `inner.pyz`", self.plain, start=asked.pyz))
        self.pairs(cases, shown=("raw",))
        cache = self.world.home / ".cache/inner"
        missed = self.run("a profile or setting has changed", self.plain, "-p", self.world.profile("changing", ""))
        missed.before = lambda: [shutil.rmtree(cache / name, ignore_errors=True) for name in ("profiles", "plans")]
        first = self.run("the very first run", self.plain)
        first.before = lambda: shutil.rmtree(cache, ignore_errors=True)
        self.pairs([Case("raw", raw()), missed, first], max(3, self.rounds // 3))

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
        self.pairs([Case("raw", raw()), self.run("a project of 100,000 files", place)], max(5, self.rounds // 2))
        shutil.rmtree(place)

    def review(self, _asked: argparse.Namespace) -> None:
        place = self.world.project("reviewed", 50_000)
        forget = Case("", [self.inner, "discard", "-y"], place)
        case = self.run("`--review` of 50,000 files", place, "--review")
        self.pairs([Case("raw", raw()), case], 5)
        change = "i=0; while [ $i -lt 170 ]; do echo changed > d0/e$((i % 50))/f$((i / 50)).py; i=$((i + 1)); done"
        self.runner.once(Case("", [self.inner, "run", "--review", "--", "sh", "-c", change], place))
        self.pairs(
            [Case("raw", raw()), Case("`inner diff --stat` of 170 changes in them", [self.inner, "diff", "--stat"], place)], 5
        )
        self.runner.once(forget)
        shutil.rmtree(place, ignore_errors=True)

    def together(self, _asked: argparse.Namespace) -> None:
        eight = self.run("8 starts at once, to 8 of bubblewrap alone", self.plain, at_once=8)
        self.pairs([Case("raw", raw(), at_once=8), eight], max(5, self.rounds // 2))

    def memory(self, _asked: argparse.Namespace) -> None:
        for name, words in (
            ("memory beside a box", []),
            ("memory beside a box with hosts allowed", ["--allow-host", "example.test"]),
        ):
            found = [self._weigh([self.inner, "run", *words, "--", "sleep", "30"]) for _ in range(3)]
            rss, pss = min(found)
            self.rows.append({"name": name, "text": f"{rss:.1f} MB RSS, {pss:.1f} MB PSS", "rss": rss})

    def _weigh(self, argv: list[str]) -> tuple[float, float]:
        """RSS and PSS in MB of all processes of inner's own (not bubblewrap, and nothing in the box), once the box is up."""
        import signal

        pid = self.runner.fork(argv, self.plain)
        try:
            time.sleep(1.0)
            mine = [pid, *_children(pid)]
            total = [0, 0]
            for process in mine:
                if "python" in Path(f"/proc/{process}/exe").resolve().name:
                    text = Path(f"/proc/{process}/smaps_rollup").read_text().split()
                    total[0] += int(text[text.index("Rss:") + 1])
                    total[1] += int(text[text.index("Pss:") + 1])
            return total[0] / 1024, total[1] / 1024
        finally:
            os.kill(pid, signal.SIGTERM)
            os.waitpid(pid, 0)

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


def _children(pid: int) -> list[int]:
    found = [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return [*found, *(deeper for child in found for deeper in _children(child))]


if __name__ == "__main__":
    sys.exit(main())
