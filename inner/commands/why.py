"""`inner why`: what a box does with a path, a host or a variable, which line decided that, and what to type to change it."""

from __future__ import annotations

import os

import typer

from inner.errors import CommandNotFound, UsageError
from inner.frozen import TYPE_CHECKING, replace
from inner.guard import guard
from inner.paths import quoted

if TYPE_CHECKING:
    from inner.host import Host, RealHost
    from inner.plan.explain import Answer, Case, Verdict
    from inner.plan.model import Plan
    from inner.profile.model import Profile
    from inner.request import Request

KINDS = ("path", "host", "variable")


def add(app: typer.Typer) -> None:
    """Add the command to the application."""

    @app.command("why", help="Say what a box does with a path, host or variable, and why. Also what would change that.")
    def why_(
        subject: str = typer.Argument(..., metavar="PATH|HOST|VARIABLE", help="What to ask about."),
        profile: str = typer.Option(
            "", "--profile", "-p", metavar="NAME", help="Profile (default: the one `inner run` would use)."
        ),
        workdir: str = typer.Option("", "--workdir", "-w", metavar="PATH", help="Folder to work in (default: the current one)."),
        kind: str = typer.Option("", "--as", metavar="KIND", help="Take it as a path, a host or a variable."),
        as_json: bool = typer.Option(False, "--json", help="As JSON."),
        no_project: bool = typer.Option(False, "--no-project", help="Ignore the project's own .inner.toml."),
    ) -> None:
        raise typer.Exit(guard(lambda: why(subject, profile, workdir, kind=kind, as_json=as_json, no_project=no_project)))


def why(subject: str, profile: str, workdir: str, *, kind: str, as_json: bool, no_project: bool) -> int:
    """Status 0 whatever the answer is."""
    from inner import ui
    from inner.host import RealHost
    from inner.settings import load

    host = RealHost(dict(os.environ))
    if kind and kind not in KINDS:
        raise UsageError(f"`{ui.safe(kind)}` is nothing that can be asked about", hint=f"one of: {', '.join(KINDS)}")
    if not subject or "\0" in subject:
        raise UsageError("there is nothing to ask about", hint="`inner why ~/.ssh`, `inner why example.org`, `inner why PATH`")
    settings = load(host, workdir=workdir, no_project=no_project)
    answer = ask(subject, kind or sort_of(subject, host), profile, workdir, settings, host)
    if as_json:
        ui.json("why", answer)
    else:
        _show(answer, host)
    return 0


def sort_of(text: str, host: Host) -> str:
    """What `text` most likely is. A bare name that exists in the current folder is a path unless a variable is called so."""
    from inner.host import kind

    if "://" in text:
        return "host"
    if text.startswith(("/", "~", "./", "../")) or text in (".", ".."):
        return "path"
    if text in host.env:
        return "variable"
    if "/" in text or kind(host, f"{host.cwd}/{text}"):
        return "path"
    if text.isascii() and text.isidentifier() and text != "localhost":
        return "variable"
    return "host"


def ask(subject: str, kind: str, name: str, workdir: str, settings: object, host: RealHost) -> Answer:
    """The answer for one subject, asked of the plan that `inner run` would make."""
    from inner.paths import normal
    from inner.profile.resolve import resolve
    from inner.request import Request

    request = Request(profile=name, workdir=workdir)
    case = case_of(resolve(request, settings, host), request, host)  # type: ignore[arg-type]
    if kind == "path":
        path = host.home + subject[1:] if subject == "~" or subject.startswith("~/") else subject
        return case.path(normal(path if path.startswith("/") else f"{host.cwd}/{path}"))
    if kind == "variable":
        if not (subject.isascii() and subject.isidentifier()):
            raise UsageError("this is not the name of a variable", hint="letters, digits and `_`")
        return case.variable(subject)
    return reach(case, subject)


def reach(case: Case, subject: str) -> Answer:
    """The answer for a host: `HOST[:PORT]`, or a URL."""
    entry, name, port = _entry(subject)
    return case.reach(entry, lambda plan, wanted: _decide(plan, wanted, case.host, name, port))


def case_of(profile: Profile, request: Request, host: Host) -> Case:
    """The plan that `inner run` would make of it, ready to be asked."""
    from inner.launch import rundir
    from inner.paths import state_dir
    from inner.plan.build import build
    from inner.plan.explain import Case

    folder = rundir.name(state_dir(host.env, host.home))

    def plan_of(wanted: Profile) -> Plan:
        try:
            return build(wanted, request, host, terminal=True, run_dir=folder)
        except CommandNotFound:  # the box is the same without its command
            shell = replace(wanted, entrypoint=replace(wanted.entrypoint, cmd="/bin/sh", args=()))
            return build(shell, request, host, terminal=True, run_dir=folder)

    return Case(plan_of(profile), profile, host, plan_of)


def _entry(text: str) -> tuple[str, str, int]:
    """As a list of hosts would name it, the host, and the port: those of a URL, or of `HOST[:PORT]`."""
    scheme, _, rest = text.rpartition("://")
    rest = rest.partition("/")[0].rpartition("@")[2]
    default = {"http": 80, "ssh": 22, "git": 9418, "ftp": 21}.get(scheme.lower(), 443)
    name, port = rest, ""
    if rest.startswith("["):
        name, _, port = rest.partition("]")
        name, port = name + "]", port.removeprefix(":")
    elif rest.count(":") == 1:
        name, _, port = rest.partition(":")
    if not name or (port and not (port.isascii() and port.isdigit() and 0 < int(port[:6]) < 65536)):
        raise UsageError("this is not a host", hint="`example.org`, `example.org:22`, `https://example.org/`")
    number = int(port) if port else default
    return (f"{name}:{number}" if port or number not in (443, 80) else name), name, number


def _decide(plan: Plan, profile: Profile, host: Host, name: str, port: int) -> Verdict:
    from inner.egress.listing import rules_of
    from inner.plan.explain import Verdict

    rules = rules_of(plan.network, host, profile.origins)
    found = rules.decide(name, port)
    entry, reason = found.entry, found.reason
    origin = entry.origin if entry is not None else profile.origin("sandbox.network_mode")
    if found.allow and origin.source == "agent":
        reason += f": the {origin.file} needs it"
    return Verdict(found.allow, reason, origin, fixed=not found.allow and entry in rules.deny)


def _show(answer: Answer, host: Host) -> None:
    from inner import ui
    from inner.commands.dry_run import short
    from inner.commands.place import place

    ui.out(f"{ui.safe(short(answer.subject, host))}: {answer.state}")
    for reason in answer.reasons:
        ui.out(f"  {ui.safe(short(reason, host))}")
    if str(answer.origin) != "inner":
        ui.out(f"  --> {ui.safe(place(str(answer.origin), host))}")
    for change in answer.changes:
        ui.out()
        ui.out(f"to have it {change.to}, in a profile:")
        for line in change.toml.splitlines():
            ui.out(f"  {ui.safe(line)}")
        if change.flags:
            ui.out(f"or for one run: inner run {' '.join(map(quoted, change.flags))}")
