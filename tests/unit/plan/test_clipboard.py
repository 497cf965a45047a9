from inner.facts import Facts
from inner.origin import INNER
from inner.paths import BoxPath
from inner.plan.clipboard import display

RUN = "/run/user/1000"
WAYLAND = {"WAYLAND_DISPLAY": "wayland-1", "XDG_RUNTIME_DIR": RUN}
SOCKETS = {
    f"{RUN}/wayland-1": "socket",
    "/tmp/.X11-unix/X0": "socket",
    f"{RUN}/bus": "socket",
    "/home/user/.Xauthority": "file",
    "/x/cookie": "file",
}


def made(env, tree=SOCKETS):
    return display(Facts(tree, env=env), BoxPath(RUN), INNER)


def places(found):
    return {m.src: (m.dest, m.mode) for m in found.mounts}


def values(found):
    return {v.name: v.value for v in found.variables}


def test_wayland_is_one_socket_and_preferred():
    found = made({**WAYLAND, "DISPLAY": ":0"})
    assert places(found) == {f"{RUN}/wayland-1": (f"{RUN}/wayland-0", "ro")}
    assert values(found) == {"WAYLAND_DISPLAY": "wayland-0"}
    assert found.notices == ()


def test_x11_brings_its_cookie_read_only_and_a_warning():
    found = made({"DISPLAY": ":0.1"})
    assert places(found) == {
        "/tmp/.X11-unix/X0": ("/tmp/.X11-unix/X0", "ro"),
        "/home/user/.Xauthority": (f"{RUN}/xauthority", "ro"),
    }
    assert values(found) == {"DISPLAY": ":0", "XAUTHORITY": f"{RUN}/xauthority"}
    assert "every key" in found.notices[0]
    assert "/x/cookie" in places(made({"DISPLAY": "unix:0", "XAUTHORITY": "/x/cookie"}))


def test_where_there_is_no_display_nothing_is_mounted():
    for env in ({}, {"WAYLAND_DISPLAY": "../bus", "XDG_RUNTIME_DIR": RUN}, {"WAYLAND_DISPLAY": "wayland-9", "XDG_RUNTIME_DIR": RUN},
                {"DISPLAY": "nonsense"}, {"DISPLAY": ":../../run/user/1000/bus"}, {"DISPLAY": ":7"}, {"DISPLAY": "far.test:0"}):  # fmt: skip
        assert made(env).mounts == ()


def test_a_file_in_the_place_of_a_socket_is_none():
    assert made(WAYLAND, {f"{RUN}/wayland-1": "file"}).mounts == ()
