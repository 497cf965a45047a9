"""Sessions for `sh tests/run` (or `nox`): `nox -l` lists them. Test sessions share one environment; each can be run alone.

Tests run as an ordinary user. Only the session `root` is for root; `tests/run` starts it after the others.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import nox
from nox.command import CommandFailed

nox.needs_version = ">=2024.4.15"
nox.options.sessions = ["lint", "types", "unit", "box", "escape", "cli", "docs"]
nox.options.reuse_existing_virtualenvs = True
nox.options.error_on_missing_interpreters = True

PLACE = Path(os.environ.get("NOX_ENVDIR", ".nox")).absolute()
WORKERS = ("-n", os.environ.get("INNER_TESTS_WORKERS", "2"))
WAITERS = ("-n", os.environ.get("INNER_TESTS_WORKERS", "3"))  # for tests that wait as long as they compute
_made: list[str] = []


def python(session: nox.Session) -> str:
    """The interpreter of the tests' environment, made once for all sessions of a run, with this tree installed in it."""
    place = PLACE / "tests"
    interpreter = str(place / "bin/python")
    if not _made:
        if not Path(interpreter).exists():
            session.run(sys.executable, "-m", "venv", str(place), silent=True)
        groups = nox.project.load_toml("pyproject.toml")["dependency-groups"]
        session.run(
            interpreter, "-m", "pip", "install", "-q", "--disable-pip-version-check", "-e", ".", *groups["test"], external=True
        )
        _made.append(interpreter)
    return interpreter


def pytest(session: nox.Session, *arguments: str, env: dict[str, str] | None = None) -> None:
    """Run pytest on what was named after `--`, else on `arguments`. What fails beside other tests is run once more by itself, where
    it has to pass: on a busy machine a box may take longer than a test is willing to wait."""
    words = session.posargs or arguments
    try:
        session.run(python(session), "-m", "pytest", *words, external=True, env=env)
    except CommandFailed:
        session.warn("once more, one after the other, what has just failed")
        alone = [word for at, word in enumerate(words) if word != "-n" and (at == 0 or words[at - 1] != "-n")]
        again = ("--last-failed", "--last-failed-no-failures", "none")
        session.run(python(session), "-m", "pytest", *again, *alone, external=True, env=env)


@nox.session(tags=["fast", "lint"])
def lint(session: nox.Session) -> None:
    """Style, formatting, and who may import whom."""
    session.install("-q", *nox.project.dependency_groups(nox.project.load_toml("pyproject.toml"), "lint"), "-e", ".")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("lint-imports")


@nox.session(tags=["fast", "lint"])
def types(session: nox.Session) -> None:
    """Types, strictly."""
    session.install("-q", *nox.project.dependency_groups(nox.project.load_toml("pyproject.toml"), "types"), "-e", ".")
    session.run("mypy")


@nox.session(venv_backend="none", tags=["fast", "test"])
def unit(session: nox.Session) -> None:
    """The pure parts: unit tests, laws (hypothesis), golden files."""
    pytest(session, *WORKERS, "tests/unit", "tests/laws", "tests/golden")


@nox.session(venv_backend="none", tags=["test"])
def box(session: nox.Session) -> None:
    """Real boxes with real bubblewrap."""
    pytest(session, *WAITERS, "-m", "not root and not slow", "tests/box")


@nox.session(venv_backend="none", tags=["test"])
def escape(session: nox.Session) -> None:
    """Attempts to break out or leak: each is stopped in the box, and succeeds where nothing stops it."""
    pytest(session, *WAITERS, "-m", "not root", "tests/escape")


@nox.session(venv_backend="none", tags=["test"])
def cli(session: nox.Session) -> None:
    """Whole transcripts of commands."""
    pytest(session, *WORKERS, "-m", "not root and not slow", "tests/cli")


@nox.session(venv_backend="none", tags=["test"])
def docs(session: nox.Session) -> None:
    """The pages say what the program does: generated parts, links, examples."""
    pytest(session, *WORKERS, "-m", "not root", "tests/docs")


@nox.session(venv_backend="none", tags=["long", "test"])
def slow(session: nox.Session) -> None:
    """What takes more than ten seconds each: heavy runtimes, loads, floods."""
    pytest(session, "-m", "slow and not root", "tests/box", "tests/cli")
    if not session.posargs:
        pytest(session, *WORKERS, "tests/box/test_review_laws.py", env={"INNER_TESTS_LONG": "1"})


@nox.session(venv_backend="none", tags=["long", "test"])
def agents(session: nox.Session) -> None:
    """The real agents, from npm and PyPI, at work in their boxes with a model of the tests' own."""
    pytest(session, "-m", "not root", "tests/agents")


def packaging(session: nox.Session) -> str:
    """The tests' interpreter, with what packages are built with."""
    interpreter = python(session)
    group = nox.project.load_toml("pyproject.toml")["dependency-groups"]["package"]
    session.run(interpreter, "-m", "pip", "install", "-q", "--disable-pip-version-check", *group, external=True)
    return interpreter


@nox.session(venv_backend="none")
def build(session: nox.Session) -> None:
    """dist: everything that a release publishes, with checksums; `nox -s build -- --sign KEY` signs them."""
    session.run(packaging(session), "packaging/release.py", *session.posargs, external=True)


@nox.session(venv_backend="none", tags=["long", "test"])
def packages(session: nox.Session) -> None:
    """Each kind of package, built and used."""
    packaging(session)
    pytest(session, "-m", "not root", "tests/packages")


@nox.session(venv_backend="none", tags=["long"])
def bench(session: nox.Session) -> None:
    """What a start costs beside bubblewrap alone: `nox -s bench -- --write`, or `--check` against what was last written."""
    session.run(python(session), "tests/bench/bench.py", *session.posargs, external=True)


@nox.session(venv_backend="none", tags=["long", "test"])
def vm(session: nox.Session) -> None:
    """Virtual machines: other kernels' settings, other releases, limits held by systemd. Images stay in ~/.cache/inner-tests/vm."""
    pytest(session, *WORKERS, "--durations=0", "tests/vm")


@nox.session(venv_backend="none", tags=["test"])
def root(session: nox.Session) -> None:
    """What only root can try, and that boxes of root are no weaker."""
    if os.getuid() != 0:
        session.error("this session is for root: `sudo sh tests/run`")
    packaging(session)
    pytest(session, "-m", "root", "tests/unit", "tests/box", "tests/cli", "tests/packages/test_pyz.py")
    if not session.posargs:
        pytest(session, *WORKERS, "-k", "in_a_box", "tests/escape")
