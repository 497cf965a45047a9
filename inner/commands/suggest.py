"""`inner profile suggest`: what a run was denied, as lines of the profile that would have let it; shown as a diff, or written.

What the record says is asked of the plan again, as it is now, and only what helps is taken. Nothing that is guarded is in it: that
is told, with the line to write oneself.
"""

from __future__ import annotations

import os
import tomllib

from inner.errors import CheckFailed, ConfigError, InnerError, UsageError
from inner.frozen import TYPE_CHECKING, frozen
from inner.paths import quoted

if TYPE_CHECKING:
    from inner.host import RealHost
    from inner.plan.explain import Answer, Case
    from inner.profile.find import Place, Shelf
    from inner.records.read import Run
    from inner.request import Request

MOST = 60  # things that are asked about


@frozen
class Suggestion:
    """`file` is the profile that is written, `before` its content (None: it is a new one), `after` what it would be; `extends`
    the profile that a new one builds on. `values` are what is new, table by table; `left_out` sentences about the rest.
    """

    profile: str
    file: str
    extends: str
    values: dict[str, dict[str, object]]
    left_out: tuple[str, ...]
    before: bytes | None = None
    after: bytes = b""


def suggest(wanted: str, *, name: str, apply: bool, as_json: bool) -> int:
    """Print the diff, or write the file; status 0 also when there is nothing to suggest."""
    from inner import ui
    from inner.commands.dry_run import short
    from inner.commands.log import state
    from inner.host import RealHost
    from inner.launch.rundir import alive
    from inner.profile.find import Shelf
    from inner.records.read import find
    from inner.request import Request
    from inner.settings import load

    host = RealHost(dict(os.environ))
    run = find(state(), wanted, alive)
    project = str(run.start.get("project", ""))
    if not os.path.isdir(project):
        raise CheckFailed(f"the project of run `{run.id}` is not there any more", where=project or run.folder)
    settings = load(host, workdir=project)
    shelf = Shelf(host, settings)
    request = Request(profile=profile_of(run), workdir=project)
    place = shelf.find(request.profile)
    found = suggestion(run, request, place, shelf, name=name)
    diff = difference(found, lambda path: short(path, host))
    if as_json:
        ui.json("suggestion", {
            "run": run.id, "profile": found.profile, "file": found.file, "new": found.before is None, "values": found.values,
            "left_out": found.left_out, "diff": diff, "applied": apply and bool(found.values),
        })  # fmt: skip
    else:
        for line in diff:
            ui.out(ui.safe(line))
        for text in found.left_out:
            ui.note(text)
        if found.values:
            ui.note("a program asks for what it wants, not for what it should have: take out what it need not have")
    if not found.values:
        files = "" if run.first("trace") else "; which files it missed is known with `inner run --trace`"
        ui.note(f"nothing that run `{run.id}` is known to have been denied can be granted by a line of its profile{files}")
    elif apply:
        write(found, place, request, host)
    elif not as_json:
        ui.note(f"`inner profile suggest {run.id} --apply` writes it")
    return 0


def profile_of(run: Run) -> str:
    """What `-p` has to say to mean the profile of the run: its file, where the record names one."""
    name = str(run.start.get("profile", ""))
    files = [str(layer).partition(" ")[2] for layer in run.plan.get("layers") or ()]
    return next((file for file in reversed(files) if file.endswith(f"/{name}.toml")), name)


def suggestion(run: Run, request: Request, place: Place, shelf: Shelf, *, name: str = "") -> Suggestion:
    """What would have let the run, and the text of the profile with it."""
    from inner.commands.why import case_of
    from inner.profile.resolve import resolve

    host = shelf.host
    case = case_of(resolve(request, shelf.settings, host), request, host)
    values, left_out = _values(run, case)
    own = place.scope in ("user", "project") and not name
    if own:
        before: bytes | None = b"" if place.table else shelf.read(place).content  # of a part of a file: its lines
        file, extends = str(place), ""
    else:
        if place.scope in ("project", "remote"):
            message = f"profile `{place.name}` came with a {'project' if place.scope == 'project' else 'download'}"
            raise CheckFailed(message, where=place.path, hint="without `--name` the lines for itself are shown")
        file, extends, before = _new(name or f"my-{place.name}", shelf), _reference(place), None
    after = _text(values, before, extends, name or f"my-{place.name}") if values else before or b""
    return Suggestion(place.name, file, extends, values, left_out, before, after)


def _reference(place: Place) -> str:
    return place.name if place.named else place.path


def _new(name: str, shelf: Shelf) -> str:
    """Where the new profile goes; one that is there is named as what to use instead."""
    from inner.profile.values import NAME

    if not NAME.fullmatch(name):
        raise UsageError(f"`{ascii(name)[1:-1]}` is no name for a profile", hint="lower-case letters, digits, `.`, `_` and `-`")
    path = f"{shelf.settings.user}/profiles/{name}.toml"
    if shelf.host.lstat(path) is not None:
        raise CheckFailed(
            f"you have a profile `{name}`", where=path, hint=f"run with `-p {name}` and ask for that run, or `--name OTHER`"
        )
    return path


def _text(values: dict[str, dict[str, object]], before: bytes | None, extends: str, name: str) -> bytes:
    from inner.profile.amend import quoted as toml
    from inner.profile.rewrite import rewritten

    if before is None:
        head = f'schema_version = "1"\nname = {toml(name)}\nextends = {toml(extends)}\n'
        return rewritten(head.encode(), values)
    return rewritten(before, values)


def _values(run: Run, case: Case) -> tuple[dict[str, dict[str, object]], tuple[str, ...]]:
    """Everything that helps, as one; and sentences about what is not in it."""
    from inner.commands.traced import asked
    from inner.commands.why import reach
    from inner.records.receipt import hosts
    from inner.trace.judge import Missed

    rows = [row for row in run.first("trace").get("missed") or () if isinstance(row, dict)]
    answers = [
        asked(case, Missed(str(row.get("kind")), str(row.get("subject")), str(row.get("want")), (), 1)) for row in rows[:MOST]
    ]
    for denied in list(hosts(run)["deny"][0])[:MOST]:
        try:
            answers.append(reach(case, denied.removesuffix(":443")))
        except InnerError:  # a name that cannot be one
            continue
    values: dict[str, dict[str, object]] = {}
    left_out: list[str] = []
    for answer in answers:
        if answer is None or answer.state in ("writable", "allowed", "nowhere"):
            continue
        why = _reason(answer, case)
        if why:
            left_out.append(f"not in it: {answer.subject}: {why}")
            continue
        for table, keys in tomllib.loads(answer.changes[0].toml).items():
            into = values.setdefault(table, {})
            for key, value in keys.items():
                old = into.get(key)
                into[key] = [*old, *(item for item in value if item not in old)] if isinstance(old, list) else value
    return values, tuple(left_out)


def _reason(answer: Answer, case: Case) -> str:
    """Why it is not written without being asked for; "" when it may be."""
    from inner.host import kind, realpath

    if not answer.changes:
        return "; ".join(answer.reasons)
    change = answer.changes[0]
    if "allow" in tomllib.loads(change.toml).get("sandbox", {}):
        line = change.toml.rpartition("\n")[2]
        return f"{'; '.join(text for text in answer.reasons if 'guarded' in text)}; `{line}` under `[sandbox]` grants it"
    if answer.kind == "path" and kind(case.host, realpath(case.host, answer.subject)) not in ("dir", "file"):
        return f"it is a socket or a device, behind which is somebody else; `inner why {quoted(answer.subject)}`"
    return ""


def difference(found: Suggestion, short: object) -> list[str]:
    """A unified diff, without line ends."""
    from difflib import unified_diff

    name: str = short(found.file)  # type: ignore[operator]
    old = (found.before or b"").decode("utf-8", "replace").splitlines()
    new = found.after.decode("utf-8", "replace").splitlines()
    return list(unified_diff(old, new, "/dev/null" if found.before is None else name, name, lineterm=""))


def write(found: Suggestion, place: Place, request: Request, host: RealHost) -> None:
    """Put it in place; what then cannot be resolved or planned is taken back."""
    from inner import ui
    from inner.commands.dry_run import short
    from inner.config import write as files
    from inner.config.document import parse
    from inner.profile.source import source

    if place.scope == "project":
        raise CheckFailed(
            "this profile is the project's: inner does not write there", where=found.file,
            hint=f"`inner profile edit {place.name}`, then `inner trust`",
        )  # fmt: skip
    source(parse(found.after, file=found.file, source="user"))
    backup = f"{found.file}.before"
    if found.before is not None:
        old = _content(backup)
        files.replace(backup, found.before, expected=old)
    files.replace(found.file, found.after, expected=found.before)
    try:
        _planned(found.file, request, host)
    except InnerError as problem:
        if found.before is None:
            os.unlink(found.file)
        else:
            files.replace(found.file, found.before, expected=found.after)
        raise ConfigError(
            f"with these lines there would be no box: {problem.message}", where=problem.where, hint=problem.hint
        ) from None
    if found.before is None:
        ui.note(
            f"made: `{short(found.file, host)}`; `inner run -p {found.file.rpartition('/')[2].removesuffix('.toml')}` uses it"
        )
    else:
        ui.note(f"written: `{short(found.file, host)}`; what was there is in `{short(backup, host)}`")


def _content(path: str) -> bytes | None:
    from inner.config.document import read

    return read(path) if os.path.lexists(path) else None


def _planned(file: str, request: Request, host: RealHost) -> None:
    from inner.commands.why import case_of
    from inner.frozen import replace
    from inner.profile.resolve import resolve
    from inner.settings import load

    again = replace(request, profile=file)
    case_of(resolve(again, load(host, workdir=request.workdir), host), again, host)
