"""`inner run --trace`: what the command looked for and did not get, with what `inner why` says of each."""

from __future__ import annotations

from inner.errors import InnerError
from inner.frozen import TYPE_CHECKING, replace
from inner.trace.judge import missed
from inner.trace.strace import Tracer

if TYPE_CHECKING:
    from inner.host import Host, RealHost
    from inner.plan.explain import Answer, Case
    from inner.plan.model import Plan
    from inner.profile.model import Profile
    from inner.request import Request
    from inner.trace.judge import Missed
    from inner.trace.parse import Trace

MOST_ASKED = 40  # things for which plans are made, to find out what would help


def tracer(profile: Profile, request: Request, host: RealHost) -> Tracer:
    """For `launch.session`; HostError when nothing can be traced here."""
    from inner import ui

    made = Tracer(host, lambda trace, plan: told(trace, plan, profile, request, host))
    ui.note("this run is traced, and slower for it")
    return made


def told(trace: Trace, plan: Plan, profile: Profile, request: Request, host: Host) -> dict[str, object]:
    """The fields of the record's event `trace`."""
    from inner.commands.why import case_of
    from inner.records.secret import hidden

    found = [one for one in missed(trace.found, plan, host) if hidden(one.subject) == one.subject]
    case = case_of(profile, replace(request, args_file=""), host) if found else None
    rows = []
    for number, one in enumerate(found):
        answer = asked(case, one) if case is not None and number < MOST_ASKED else None
        rows.append({
            "kind": one.kind, "subject": one.subject, "want": one.want, "programs": one.programs[:8], "times": one.times,
            "state": answer.state if answer else "", "reasons": answer.reasons if answer else (),
            "changes": [{"to": c.to, "toml": c.toml, "flags": c.flags} for c in answer.changes] if answer else (),
        })  # fmt: skip
    return {"lines": trace.lines, "cut": trace.cut, "missed": rows}


def asked(case: Case, one: Missed) -> Answer | None:
    """What `inner why` says of it; None for what cannot be asked about, such as a name that is not text."""
    from inner.commands.why import reach

    if not one.subject.isprintable():
        return None
    try:
        return reach(case, one.subject) if one.kind == "host" else case.path(one.subject, write=one.want == "write")
    except InnerError:  # a box can make up addresses
        return None


def tell(folder: str) -> None:
    """After the run, on standard error; its record has the same."""
    from inner import ui
    from inner.launch.rundir import alive
    from inner.records import receipt
    from inner.records.read import load

    run = load(folder, alive)
    for label, text in receipt.missed(run):
        ui.err(f"{label:<7} {ui.safe(text)}".rstrip())
