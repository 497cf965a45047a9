"""On the host itself, with no namespace around it: as whoever runs the tests, root or not."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from inner.egress import start
from inner.errors import ConfigError, RunError
from inner.plan.model import Network

pytestmark = pytest.mark.box

ROOT = Path(__file__).parents[3]


@pytest.fixture
def service():
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        while True:
            try:
                conn, _ = listener.accept()
            except OSError:
                return
            conn.sendall(b"HOST " + conn.recv(99))
            conn.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield listener.getsockname()[1]
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join(60)


def box(code: str, allow: list[str]) -> dict:
    asked = {"argv": ["/usr/bin/python3", "-I", "-c", code], "allow": allow}
    env = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("inside.py")), json.dumps(asked)], capture_output=True, env=env, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def ask(port: int) -> str:
    return f"import socket\ns = socket.create_connection(('localhost', {port}), 20); s.sendall(b'hi'); print(s.recv(99))"


def test_a_named_service_of_the_host(service):
    done = box(ask(service), [f"localhost:{service}"])
    assert done["out"] == "b'HOST hi'\n", done
    assert [(e["event"], e["host"], e["port"], e["verdict"]) for e in done["events"]] == [
        ("connect", "127.0.0.1", service, "allow"), ("close", "127.0.0.1", service, "allow"),
    ]  # fmt: skip


def test_and_no_other(service):
    done = box(ask(service), [f"localhost:{service % 60000 + 1}", "example.test"])
    assert "ConnectionRefusedError" in done["err"], done
    assert done["events"] == []


def sleeper(*options: str) -> tuple[subprocess.Popen, int]:
    info, info_fd = os.pipe()
    process = subprocess.Popen(
        ["bwrap", "--die-with-parent", *options, "--dev-bind", "/", "/", "--info-fd", str(info_fd), "sleep", "30"],
        pass_fds=[info_fd],
    )
    os.close(info_fd)
    text = b""
    while b"}" not in text:
        text += os.read(info, 999)
    os.close(info)
    return process, json.loads(text)["child-pid"]


def test_a_box_that_shares_the_network_is_refused():
    """Listeners would stand in the host's own namespace."""
    process, pid = sleeper("--unshare-user", "--unshare-pid")
    try:
        with pytest.raises(RunError, match="no network namespace of its own"):
            start.start(pid, Network("allowlist", ("example.test",)))
    finally:
        process.kill()
        process.wait()


def test_a_box_that_is_gone_is_an_error():
    with pytest.raises(RunError, match="cannot make the network"):
        start.start(2**22 - 3, Network("allowlist", ("example.test",)))


def test_mistakes_are_seen_before_anything_is_forked():
    for text in ("*", "localhost", "@nobody", "http://example.test/"):
        with pytest.raises(ConfigError):
            start.prepare(Network("allowlist", (text,)))


def test_what_the_process_has_given_up():
    held = os.open("/etc/hostname", os.O_RDONLY)
    os.set_inheritable(held, True)
    process, pid = sleeper("--unshare-user", "--unshare-net", "--unshare-pid")
    egress = start.prepare(Network("allowlist", ("example.test",)))
    try:
        egress.attach(pid)
        for _ in range(100):
            status = Path(f"/proc/{egress.pid}/status").read_text()
            if "NoNewPrivs:\t1" in status:
                break
            threading.Event().wait(0.02)
        assert "NoNewPrivs:\t1" in status
        assert "Threads:\t1" in status
        assert os.getsid(egress.pid) == egress.pid
        if os.geteuid():  # not even we can look: that is PR_SET_DUMPABLE
            with pytest.raises(PermissionError):
                os.readlink(f"/proc/{egress.pid}/cwd")
        else:
            assert os.readlink(f"/proc/{egress.pid}/cwd") == "/"
            assert "/etc/hostname" not in [
                os.readlink(f"/proc/{egress.pid}/fd/{n}") for n in os.listdir(f"/proc/{egress.pid}/fd")
            ]
            assert os.readlink(f"/proc/{egress.pid}/ns/net") == os.readlink("/proc/self/ns/net")
    finally:
        pid = egress.pid
        egress.close()
        egress.close()
        os.close(held)
        process.kill()
        process.wait()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_the_process_ends_with_its_supervisor():
    code = (
        "import os, sys\nfrom inner.egress import start\nfrom inner.plan.model import Network\n"
        "e = start.prepare(Network('allowlist', ('example.test',)))\n"
        "e.attach(int(sys.argv[1])) if len(sys.argv) > 1 else None\n"
        "print(e.pid, flush=True)\nos.kill(os.getpid(), 9)\n"
    )
    process, child = sleeper("--unshare-user", "--unshare-net", "--unshare-pid")
    try:
        for more in ([], [str(child)]):
            env = {**os.environ, "PYTHONPATH": str(ROOT)}
            done = subprocess.run([sys.executable, "-c", code, *more], capture_output=True, env=env)
            pid = int(done.stdout)
            for _ in range(200):
                try:
                    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
                        if file.read().rpartition(")")[2].split()[0] == "Z":
                            break
                except OSError:
                    break
                threading.Event().wait(0.02)
            else:
                raise AssertionError("it is still there")
    finally:
        process.kill()
        process.wait()


def test_starting_imports_nothing_dear():
    code = "import sys\nimport inner.egress.start\nprint(sorted(m for m in sys.modules if not m.startswith(('inner', 'encodings', '_'))))"
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{code}"],
        capture_output=True,
        text=True,
    )
    found = set(json.loads(done.stdout.replace("'", '"')))
    assert not found & {"dataclasses", "typing", "enum", "re", "json", "pathlib", "subprocess", "socket", "signal", "threading", "ctypes", "ssl",
                        "collections", "functools", "contextlib", "tomllib", "ipaddress", "resource"}  # fmt: skip
