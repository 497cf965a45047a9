"""`clipboard = true` in real boxes: one socket can be reached, and none without the key."""

from __future__ import annotations

import os
import socket
import threading

import pytest
from program import inner

pytestmark = pytest.mark.box

ASK = """
import os, socket, sys
for place in sys.argv[1:]:
    place = os.path.expandvars(place)
    s = socket.socket(socket.AF_UNIX)
    try:
        s.connect(place.replace("@", "\\0"))
        print(s.recv(20).decode())
    except OSError as problem:
        print("no")
"""


class Listener:
    """A server that says its name to whoever connects."""

    def __init__(self, path, name):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(path)
        self.socket.listen()
        self.name = name
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                with self.socket.accept()[0] as other:
                    other.sendall(self.name)
            except OSError:
                return


def display(number):
    """The number and a server at its abstract address, None when another test has that one."""
    try:
        return number, Listener(f"\0/tmp/.X11-unix/X{number}", b"abstract")
    except OSError:
        return None


@pytest.fixture
def session(tmp_path):
    """A session of the host with a compositor, an X server and a bus; `run(clipboard, env)` asks for them in a box."""
    for name in ("home", "project", "run"):
        (tmp_path / name).mkdir(mode=0o700)
    numbers = (n for n in range(20000 + os.getpid() % 9000, 60000) if not os.path.lexists(f"/tmp/.X11-unix/X{n}"))
    number, abstract = next(found for n in numbers if (found := display(n)))
    if not os.path.isdir("/tmp/.X11-unix"):
        os.mkdir("/tmp/.X11-unix")
        os.chmod("/tmp/.X11-unix", 0o1777)  # as systemd-tmpfiles makes it
    x11 = f"/tmp/.X11-unix/X{number}"
    servers = [
        Listener(f"{tmp_path}/run/wayland-7", b"wayland"),
        Listener(f"{tmp_path}/run/bus", b"bus"),
        Listener(x11, b"x11"),
        abstract,
    ]
    (tmp_path / "home/.Xauthority").write_bytes(b"cookie")

    def run(clipboard, script=None, **env):
        (tmp_path / "p.toml").write_text(f'schema_version = "1"\nextends = "shell"\n[sandbox]\nclipboard = {clipboard}\n')
        (tmp_path / "project/ask.py").write_text(ASK)
        words = script or [
            "python3",
            "ask.py",
            "$XDG_RUNTIME_DIR/$WAYLAND_DISPLAY",
            f"{tmp_path}/run/wayland-7",
            f"{tmp_path}/run/bus",
            x11,
            f"@{x11}",
        ]
        env = {
            **os.environ,
            "HOME": f"{tmp_path}/home",
            "XDG_RUNTIME_DIR": f"{tmp_path}/run",
            "DBUS_SESSION_BUS_ADDRESS": f"unix:path={tmp_path}/run/bus",
            **env,
        }
        done = inner("run", "-p", "../p.toml", "--", *words, cwd=tmp_path / "project", env=env)
        assert done.returncode == 0, done.stderr
        return done.stdout.split(), done.stderr

    run.number = number
    yield run
    for server in servers:
        server.socket.shutdown(socket.SHUT_RDWR)
        server.socket.close()
    os.unlink(x11)


def test_without_the_key_nothing_can_be_reached(session):
    assert session("false", WAYLAND_DISPLAY="wayland-7", DISPLAY=f":{session.number}") == (["no"] * 5, "")


def test_wayland_is_the_one_way_when_it_is_there(session):
    assert session("true", WAYLAND_DISPLAY="wayland-7", DISPLAY=f":{session.number}") == (["wayland", *["no"] * 4], "")


def test_x11_is_said_to_be_more_than_a_clipboard(session):
    said, warned = session("true", DISPLAY=f":{session.number}")
    assert said == ["no", "no", "no", "x11", "no"]
    assert warned.startswith("warning: `clipboard` gives the box your X11 display: ")


def test_the_cookie_of_x11_can_be_read_and_not_changed(session):
    script = ["sh", "-c", 'cat $XAUTHORITY; (echo x > $XAUTHORITY) 2>/dev/null || echo " kept"; ls -A ~; echo $DISPLAY']
    assert session("true", script, DISPLAY=f":{session.number}.0")[0] == ["cookie", "kept", f":{session.number}"]


def test_without_a_display_there_is_nothing_to_mount(session):
    assert session("true", WAYLAND_DISPLAY="", DISPLAY="") == (["no"] * 5, "")
