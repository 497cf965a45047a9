"""Boxes that are asked: a profile in a home and a project of their own, and boxes that are not the ones that were meant."""

from __future__ import annotations

import contextlib
import json
import os

from apart import apart
from planned import start

from inner import bwrap, seccomp
from inner.checks import judge, questions
from inner.checks.model import Subject
from inner.commands.verify import subject_of
from inner.frozen import replace
from inner.host import RealHost
from inner.launch import inquiry
from inner.launch.features import probe
from inner.settings import load

HEAD = 'schema_version = "1"\n'

# Most cases are not about limits: those that are let `examine` find out what holds them.
HELD = {"by": dict.fromkeys(("memory", "cpu", "pids"), "cgroup"), "missing": [], "reason": "", "pids": 512}


class World:
    """A home, a project, an environment; `profile(text)` writes a profile, `subject(name)` plans its box."""

    def __init__(self, place):
        self.home, self.project = place / "home", place / "project"
        self.home.mkdir()
        self.project.mkdir()
        self.place = place
        self.env = {"HOME": str(self.home), "PATH": "/usr/bin:/bin", "SHELL": "/bin/sh", "LANG": "C.UTF-8"}
        self.features = probe(self.env, project=str(self.project))

    @property
    def host(self):
        return RealHost(dict(self.env), str(self.project))

    def profile(self, text="", name="test"):
        path = self.place / f"{name}.toml"
        path.write_text(HEAD + text)
        return str(path)

    def log_in(self, *places):
        """Logins of agents, at these places of the home."""
        for path in (self.home / place for place in places):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text('{"claudeAiOauth": {"accessToken": "x", "expiresAt": 4000000000000}}')
            path.chmod(0o600)

    def subject(self, text="", name="", workdir=""):
        host = self.host
        subject, folder = subject_of(name or self.profile(text), workdir, load(host, workdir=workdir), host)
        return replace(subject, held=HELD), folder

    def findings(self, text="", name="", workdir=""):
        """By the way `inner verify` takes."""
        subject, folder = self.subject(text, name, workdir)
        return judge(subject, self.answers(subject, folder))

    def answers(self, subject, folder, plan=None):
        """What the box of `plan` (the subject's own when None) says to the subject's questions."""
        return apart(_ask, plan or subject.plan, subject, self.features, folder)

    def failed(self, text="", **more):
        return {f.check for f in self.findings(text, **more) if f.state == "failed"}

    def bare(self):
        """A box for which nothing has to be made on the host: its project is shown read-only."""
        return self.subject(f'[mounts]\n"{self.project}" = "ro"')[0]

    def raw(self, subject, change=lambda words: words, filtered=True, **more):
        """Findings in a box made by bubblewrap alone, `change` having changed its words."""
        plan = replace(subject.plan, command=inquiry.command(inquiry.interpreter(subject.plan, subject.table, subject.host)))
        code = seccomp.filter_of(plan, os.uname().machine) if filtered else None
        words = change(bwrap.words(plan, self.features, env=subject.host.env, filter=code))
        done = start(plan, self.features, inquiry.message(("probe",), questions(subject)), words=words, **more)
        assert done.made and done.returncode == 0, done.stderr
        return {f.check for f in judge(subject, json.loads(done.stdout)) if f.state == "failed"}


def _ask(plan, subject, features, folder):
    return inquiry.ask(
        plan, subject.profile, features, subject.host, table=subject.table, folder=folder, modules=("probe",),
        data=questions(subject), warn=lambda _: None,
    )  # fmt: skip


def told(findings, check):
    found = next(f for f in findings if f.check == check)
    return found.state, found.severity, found.text


def planned_as(subject: Subject, **changes):
    """The subject's plan with something else in it."""
    return replace(subject.plan, **changes)


def without(subject, *dests):
    """The subject's mounts but for those at `dests`."""
    return tuple(m for m in subject.plan.mounts if m.dest not in dests)


@contextlib.contextmanager
def listening(path):
    """Somebody who answers at a path."""
    import socket

    with contextlib.ExitStack() as stack:
        server = stack.enter_context(socket.socket(socket.AF_UNIX))
        if not isinstance(path, bytes):  # through its folder: a path of any length
            folder = os.open(os.path.dirname(path), os.O_PATH)
            stack.callback(os.close, folder)
        server.bind(path if isinstance(path, bytes) else f"/proc/self/fd/{folder}/{os.path.basename(path)}")
        server.listen()
        yield path
