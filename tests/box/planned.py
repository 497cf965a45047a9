"""A box from a plan, started as the launcher would: words, descriptors, an empty environment."""

from __future__ import annotations

import os
import subprocess

from inner import bwrap
from inner.launch.fds import Descriptors, resolve
from inner.paths import BoxPath, HostPath
from inner.plan.model import MIB, Bind, Dev, Plan, Proc, Symlink, Tmpfs

PYTHON = "/usr/bin/python3"

SYSTEM = ["/" + name for name in ("bin", "lib", "lib64") if os.path.lexists("/" + name)]
BASE = (
    Tmpfs(BoxPath("/"), 4 * MIB, 0o755, "ro"),
    Bind(HostPath("/usr"), BoxPath("/usr")),
    *(
        Symlink(os.readlink(path), BoxPath(path)) if os.path.islink(path) else Bind(HostPath(path), BoxPath(path))
        for path in SYSTEM
    ),
    Proc(),
    Dev(),
)


def plan_of(mounts, command=("true",), **more):
    more = {"env": (), "cwd": BoxPath("/"), "home": BoxPath("/"), "project": HostPath("/"), **more}
    return Plan(profile="test", command=command, mounts=tuple(mounts), **more)


def start(plan, features, stdin=b"", *, words=None, env=(), before=None, clean=True, leak=(), **more):
    """Runs it; `.made` says whether the box came into being, from bubblewrap's status, not from its wording. `before` is called
    between the opening of sources and the start; `clean` and `leak`: with an environment of its own, descriptors that it inherits;
    `more` is for `bwrap.words`."""
    descriptors = Descriptors()
    try:
        words = bwrap.words(plan, features, env=dict(env), filter=None, **more) if words is None else words
        text, passed = resolve(words, descriptors, {})
        args = descriptors.memory(text)
        if before is not None:
            before()
        reader, writer = descriptors.pipe()
        argv = [features.path, "--args", str(args), "--json-status-fd", str(writer), "--", *plan.command]
        done = subprocess.run(
            argv,
            input=stdin,
            capture_output=True,
            env={} if clean else {"LEFT": "over"},
            pass_fds=(*passed, args, writer, *leak),
            timeout=30,
        )
        descriptors.drop(writer)
        status = b""
        while piece := os.read(reader, 4096):
            status += piece
        done.made = b"exit-code" in status
        return done
    finally:
        descriptors.close()
