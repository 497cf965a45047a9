"""What a run makes when what was kept does not hold: its profile, and its plan with bubblewrap's words. Both are kept for the next
one, which imports nothing of this.
"""

from __future__ import annotations

import os
import sys

from inner.frozen import TYPE_CHECKING

if TYPE_CHECKING:
    from inner.config.project import Project
    from inner.host import RealHost
    from inner.plan.model import Plan
    from inner.profile.model import Profile
    from inner.request import Request


def profile(request: Request, host: RealHost, project: Project | None) -> tuple[Profile, bool]:
    """The profile of `request`, and whether it was kept: fetched, and never kept, without a project."""
    if project is not None:
        from inner.profile.writer import resolved

        return resolved(request, host, project)
    from inner.commands.remote import documents
    from inner.profile.resolve import resolve
    from inner.settings import load

    settings = load(host, workdir=request.workdir, no_project=request.no_project)
    return resolve(request, settings, host, documents(request, settings, host)), False


def plan(profile: Profile, request: Request, host: RealHost, terminal: bool, args_file: bytes | None, folder: str) -> Plan:
    """The plan of a run whose folder is `folder`."""
    from inner.launch.features import probe
    from inner.launch.wordsmade import prepared
    from inner.plan.writer import made

    def beside(plan: Plan) -> object:
        return prepared(plan, probe(host.env, project=plan.project), folder)

    return made(profile, request, host, terminal=terminal, args_file=args_file, run_dir=folder, beside=beside)


def start(mark: str) -> None:
    """What was imported to read configuration would weigh on this process as long as the box runs: begin again, and find it kept.
    Once: then the variable `mark` is set."""
    if mark not in os.environ and "typer" not in sys.modules:
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], {**os.environ, mark: "1"})  # noqa: S606
