"""What holds for every test: a home of its own, no skips, and golden files that can be made anew (`--update-golden`)."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile

import pytest
from hypothesis import HealthCheck, settings

HOME = tempfile.mkdtemp(prefix="inner-tests-home-")
REAL = {name: os.environ.get(name, "") for name in ("HOME", "XDG_CACHE_HOME")}  # where tools of the machine itself are set up

# Machines that run tests are busy: no example has a deadline. The same examples in each run; new ones with INNER_TESTS_RANDOM=1.
RANDOM = bool(os.environ.get("INNER_TESTS_RANDOM"))
settings.register_profile(
    "suite", deadline=None, derandomize=not RANDOM, database=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("suite")


def pytest_addoption(parser):
    parser.addoption("--update-golden", action="store_true", help="write the golden files instead of comparing with them")


def pytest_configure(config):
    os.environ["HOME"] = HOME
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell starts what is to run behind it with these two ignored
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)
    for name in list(os.environ):
        if (name.startswith(("XDG_", "INNER_")) and not name.startswith("INNER_TESTS_")) or name in (
            "GIT_CONFIG_GLOBAL",
            "SSH_AUTH_SOCK",
            "SHIV_ROOT",
        ):
            del os.environ[name]


def pytest_unconfigure(config):
    shutil.rmtree(HOME, ignore_errors=True)


def pytest_runtest_logreport(report):
    if report.skipped and not hasattr(report, "wasxfail"):
        _skipped.append(report.nodeid)


_skipped: list[str] = []


def pytest_sessionfinish(session, exitstatus):
    """A test that did not run proves nothing: a skip is a failure."""
    if _skipped and exitstatus == 0 and not hasattr(session.config, "workerinput"):
        print("\nskipped, which counts as failed:", *_skipped, sep="\n  ")
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture
def machine(tmp_path):
    """A machine with nothing on it but what a test puts there: see `configured`."""
    from configured import Machine

    os.umask(0o022)
    root = tmp_path / "machine"
    root.mkdir(mode=0o755)
    return Machine(root.resolve())


@pytest.fixture
def golden(request):
    """golden(name, text): `text` is what `tests/golden/NAME` holds."""

    def same(name, text):
        path = request.config.rootpath / "tests" / "golden" / name
        if request.config.getoption("--update-golden"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        assert text == path.read_text(), f"{name} differs: `pytest --update-golden` writes it anew"

    return same
