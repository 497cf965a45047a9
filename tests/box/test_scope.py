"""What is asked of systemd, on a real bus: that daemon refuses a message that is not well-formed, and its monitor says what is in one."""

from __future__ import annotations

import os
import subprocess
import threading
import time

import pytest

from inner.errors import RunError
from inner.launch import scope
from inner.profile.model import Limits

pytestmark = pytest.mark.box

LIMITS = Limits(memory=64 << 20, cpu=1.5, pids=20)


@pytest.fixture
def bus(tmp_path):
    """A bus of our own, at this path."""
    path = str(tmp_path / "bus")
    daemon = subprocess.Popen(["dbus-daemon", "--session", "--nofork", f"--address=unix:path={path}"], stderr=subprocess.DEVNULL)
    until = time.monotonic() + 60
    while not os.path.exists(path):
        assert time.monotonic() < until
        time.sleep(0.02)
    yield path
    daemon.kill()
    daemon.wait()


def test_a_bus_without_systemd_refuses_and_says_so(bus):
    one = scope.Scope(bus, "inner-test", LIMITS)
    try:
        with pytest.raises(RunError, match=r"systemd refuses: .*org\.freedesktop\.systemd1"):
            one.add(os.getpid())
    finally:
        one.close()


def test_what_is_asked_for(bus):
    """In the words of dbus-monitor, another reader of the same bytes."""
    monitor = subprocess.Popen(
        ["dbus-monitor", "--address", f"unix:path={bus}", "destination=org.freedesktop.systemd1"],
        stdout=subprocess.PIPE,
        text=True,
    )
    seen: list[str] = []

    def until(text):
        """Reads on to a line with this text in it."""
        patience = threading.Timer(60, monitor.kill)
        patience.start()
        while text not in (line := monitor.stdout.readline()):
            assert line, seen
            seen.append(line)
        seen.append(line)
        patience.cancel()

    until("member=NameLost")  # its own: from here on it gets what is for others
    one = scope.Scope(bus, "inner-test", LIMITS)
    try:
        with pytest.raises(RunError):
            one.add(4242)
        with pytest.raises(RunError):
            scope.attach(bus, "inner-test.scope", 4243)
        until("uint32 4243")
    finally:
        keeper = one.keeper
        one.close()
        monitor.terminate()
    text = " ".join(("".join(seen) + monitor.communicate()[0]).split())
    assert "interface=org.freedesktop.systemd1.Manager; member=StartTransientUnit" in text
    assert 'string "inner-test.scope" string "fail" array [' in text
    for name, value in (
        ("PIDs", f"array [ uint32 4242 uint32 {keeper} ]"),
        ("Delegate", "boolean true"),
        ("MemoryMax", "uint64 67108864"),
        ("MemorySwapMax", "uint64 0"),
        ("CPUQuotaPerSecUSec", "uint64 1500000"),
        ("TasksMax", "uint64 22"),
    ):
        assert f'struct {{ string "{name}" variant {value} }}' in text
    assert 'member=AttachProcessesToUnit string "inner-test.scope" string "" array [ uint32 4243 ]' in text


def test_the_keeper_ends_with_the_scope(bus):
    one = scope.Scope(bus, "inner-test", LIMITS)
    keeper = one.keeper
    assert os.path.exists(f"/proc/{keeper}")
    until = time.monotonic() + 60
    while os.listdir(f"/proc/{keeper}/fd"):
        assert time.monotonic() < until
        time.sleep(0.02)
    one.close()
    assert not os.path.exists(f"/proc/{keeper}")


def test_no_bus_is_an_error_that_says_so(tmp_path):
    with pytest.raises(RunError, match="cannot talk to systemd"):
        scope.Manager(str(tmp_path / "nothing"))


def test_which_bus_is_asked(tmp_path):
    (tmp_path / "bus").write_text("")
    assert scope.address({"DBUS_SESSION_BUS_ADDRESS": "unix:abstract=x;unix:path=/run/x/bus,guid=1"}, 1000) == "/run/x/bus"
    assert scope.address({"XDG_RUNTIME_DIR": str(tmp_path)}, 1000) == f"{tmp_path}/bus"
    assert scope.address({"XDG_RUNTIME_DIR": "/nonexistent", "DBUS_SESSION_BUS_ADDRESS": "tcp:host=x"}, 1000) == ""
