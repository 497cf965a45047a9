"""Why the box sees a path, reaches a host or has a variable, or does not; and what would change that. Pure.

A change is proposed only after it was tried: the plan is made again with it, and the answer has to be the better one. So nothing
is offered that the plan refuses, or that would not help; when all are refused, the reason is told.
"""

from __future__ import annotations

from inner.errors import InnerError
from inner.frozen import TYPE_CHECKING, frozen
from inner.host import kind, realpath
from inner.origin import INNER
from inner.paths import covers
from inner.plan.environment import OWN, SESSION, is_code
from inner.plan.gitdir import BROUGHT_BACK
from inner.plan.hide import Secrets
from inner.plan.model import Bind, Mask
from inner.plan.mounts import MountTable
from inner.plan.system import HOST_RO_EMPTY, HOST_RO_MASKED
from inner.profile.amend import amended, toml
from inner.profile.expand import literal
from inner.profile.layer import Edit, Set
from inner.profile.model import MountSpec

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from inner.host import Host
    from inner.origin import Origin
    from inner.plan.model import Plan
    from inner.plan.mounts import Seen
    from inner.profile.layer import Patch
    from inner.profile.model import Profile

SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/etc", "/boot", "/nix", "/gnu")


@frozen
class Change:
    """What makes it so: `to` is the state after it, `toml` the lines of a profile, `flags` words of `inner run` ("" when no flag
    says it).
    """

    to: str
    toml: str
    flags: tuple[str, ...] = ()


@frozen
class Answer:
    """`kind` is "path", "host" or "variable". `state`: of a path "writable", "readable", "hidden", "absent" (it is on the host) or
    "nowhere"; of a host "allowed" or "denied"; of a variable "passed", "set", "not passed" or "unset" (on the host, too).
    `reasons` are sentences, `origin` is the line that decided.
    """

    subject: str
    kind: str
    state: str
    reasons: tuple[str, ...]
    origin: Origin = INNER
    changes: tuple[Change, ...] = ()


@frozen
class Verdict:
    """What the rules of an allowlist say about a host: `reason` in a few words, `origin` that of the entry that decided."""

    allow: bool
    reason: str
    origin: Origin = INNER
    fixed: bool = False  # denied by an entry: adding one does not help


@frozen
class Candidate:
    """A change that has not been tried yet."""

    to: tuple[str, ...]  # the states that are wanted
    patches: Mapping[str, Patch]
    flags: tuple[str, ...] = ()


class Case:
    """What is asked about: one plan and where it came from. `plan_again` makes the plan of another profile, or raises."""

    def __init__(self, plan: Plan, profile: Profile, host: Host, plan_again: Callable[[Profile], Plan]) -> None:
        self.plan, self.profile, self.host = plan, profile, host
        self._again = plan_again

    def path(self, path: str, *, write: bool = False) -> Answer:
        """`path` is absolute and normal; `write`: what is not shown is to be writable, if that may be."""
        answer, wanted = _path(self.plan, self.profile, self.host, path)
        if write and answer.state == "absent" and wanted and not isinstance(wanted[0].patches.get("sandbox.allow"), Edit):
            wanted = (*_own(self.host, path), *wanted)
        return self._changed(answer, wanted, lambda plan, profile: _path(plan, profile, self.host, path)[0].state)

    def variable(self, name: str) -> Answer:
        answer, wanted = _variable(self.plan, self.profile, self.host, name)
        return self._changed(answer, wanted, lambda plan, profile: _variable(plan, profile, self.host, name)[0].state)

    def reach(self, entry: str, decide: Callable[[Plan, Profile], Verdict]) -> Answer:
        """`entry` as a list of hosts writes it; `decide` is the judgement of the egress rules for a plan."""
        answer, wanted = _host(self.plan, self.profile, entry, decide)
        return self._changed(answer, wanted, lambda plan, profile: _host(plan, profile, entry, decide)[0].state)

    def _changed(self, answer: Answer, wanted: Sequence[Candidate], state: Callable[[Plan, Profile], str]) -> Answer:
        changes: list[Change] = []
        refused: list[str] = []
        for candidate in wanted:
            try:
                profile = amended(self.profile, candidate.patches)
                after = state(self._again(profile), profile)
            except InnerError as problem:
                refused.append(problem.message)
                continue
            if after in candidate.to and not any(change.to == after for change in changes):
                changes.append(Change(after, toml(candidate.patches), candidate.flags))
        reasons = answer.reasons
        if not changes and refused:
            reasons = (*reasons, *dict.fromkeys(refused))
        return Answer(answer.subject, answer.kind, answer.state, reasons, answer.origin, tuple(changes))


# --- paths ----------------------------------------------------------------------------------------------------------------


def _path(plan: Plan, profile: Profile, host: Host, path: str) -> tuple[Answer, tuple[Candidate, ...]]:
    table, secrets = MountTable(plan.mounts, host), Secrets(host)
    seen, real = table.at(path), realpath(host, path)
    outside = kind(host, real)
    key = secrets.key_of(real)
    key = secrets.key_of(path) if key is None else key
    guarded = _guard(host, path, real, key) if outside else ()
    origin = seen.mount.origin if seen.mount is not None else INNER
    if seen.hidden:
        why = seen.mount.why if isinstance(seen.mount, Mask) else ""
        return Answer(path, "path", "hidden", (f"hidden: {why}", *(guarded if key != "" else ())), origin), _show(
            host, path, key, outside
        )
    if seen.absent:
        copy = next((m for m in plan.mounts if isinstance(m, Bind) and m.why == BROUGHT_BACK and covers(m.dest, path)), None)
        if copy is not None and outside:  # the copy is made when the run starts
            told = "git's folder is a copy: commits, branches and tags are brought back; settings and hooks are not"
            return Answer(path, "path", "writable", (told,), copy.origin), ()
        if not outside:
            return Answer(path, "path", "nowhere", ("it is neither in the box nor on the host",)), ()
        reason = f"on the host it is a {_named(outside)}; nothing in the plan shows it"
        if profile.sandbox.home == "isolated" and covers(plan.home, real):
            reason = f"on the host it is a {_named(outside)}; the box's home is a folder of its own"
        return Answer(path, "path", "absent", (reason, *guarded), origin), _show(host, path, key, outside)
    state = "writable" if seen.mode == "rw" else "readable"
    return Answer(path, "path", state, _seen(seen, path, outside), origin), _write(host, seen, path)


def _guard(host: Host, path: str, real: str, key: str | None) -> tuple[str, ...]:
    """Why it is not simply shown."""
    if key is not None:
        only = (
            f"it is guarded: only `{key}` shows it, read-only" if key else "it is hidden from every box: no profile can show it"
        )
        return (only,)
    if _kernels(path):
        return ("it is about the machine, not about the box",)
    return () if may(host, real, 4) else ("you may not read it on the host either",)


def _kernels(path: str) -> bool:
    return any(covers(tree, path) for tree in ("/proc", "/sys", "/dev", *HOST_RO_EMPTY[2:], *HOST_RO_MASKED))


def may(host: Host, real: str, bit: int) -> bool:
    """Whether the permission bits let this user read (4) or write (2)."""
    found = host.lstat(real)
    if found is None:
        return False
    return bool((found.mode >> (6 if found.uid == host.uid else 3 if found.gid == host.gid else 0)) & bit)


def _seen(seen: Seen, path: str, outside: str) -> tuple[str, ...]:
    why = seen.mount.why if seen.mount is not None else ""
    what = f"a {_named(seen.kind)}" + (f", {'read-only' if seen.mode == 'ro' else 'writable'}" if seen.kind != "link" else "")
    if not seen.host:
        text = [f"the box's own: {what}" + (f" ({why})" if why else "")]
        return (*text, f"what the host has there, a {_named(outside)}, is not shown") if outside else tuple(text)
    shown = f"the host's `{seen.host}`" if seen.host != path else "the host's"
    return (f"{shown}: {what}" + (f" ({why})" if why else ""),)


def _named(what: str) -> str:
    return {"dir": "folder", "link": "symbolic link", "other": "socket or device"}.get(what, what)


def _show(host: Host, path: str, key: str | None, outside: str) -> tuple[Candidate, ...]:
    """How something of the host's becomes visible, the narrowest first."""
    if not outside or key == "" or (key is None and (_kernels(path) or not may(host, realpath(host, path), 4))):
        return ()
    visible = ("readable", "writable")
    if key is not None:
        return (Candidate(visible, {"sandbox.allow": Edit(append=(key,))}, ("--allow", key)),)
    name = literal(path)
    flags = ("--mount", f"{name}:{name}") if ":" not in path else ()
    mount = Candidate(visible, {f"mounts.{name}": Set(MountSpec(name))}, flags)
    if path != host.home and covers(str(host.home), path):
        return (Candidate(visible, {"sandbox.home_allow": Edit(append=("~" + literal(path[len(host.home) :]),))}, flags), mount)
    return (mount,)


def _write(host: Host, seen: Seen, path: str) -> tuple[Candidate, ...]:
    """How what is read-only becomes writable, where it is this user's. What is protected is refused by the plan that is made again."""
    shown = isinstance(seen.mount, Bind) and seen.host and seen.kind in ("dir", "file")
    if seen.mode == "rw" or not shown or any(covers(tree, seen.host) for tree in SYSTEM) or not may(host, seen.host, 2):
        return ()
    return (_writable(path),)


def _own(host: Host, path: str) -> tuple[Candidate, ...]:
    """How something of the user's own becomes visible and writable in one step."""
    real = realpath(host, path)
    system = any(covers(tree, real) for tree in SYSTEM) or kind(host, real) not in ("dir", "file")
    return () if system or not may(host, real, 2) else (_writable(path),)


def _writable(path: str) -> Candidate:
    name = literal(path)
    flags = ("--mount", f"{name}:{name}:rw") if ":" not in path else ()
    return Candidate(("writable",), {f"mounts.{name}": Set(MountSpec(name, "", "rw"))}, flags)


# --- hosts ----------------------------------------------------------------------------------------------------------------


def _host(
    plan: Plan, profile: Profile, entry: str, decide: Callable[[Plan, Profile], Verdict]
) -> tuple[Answer, tuple[Candidate, ...]]:
    mode = plan.network.mode
    origin = profile.origin("sandbox.network_mode")
    listed = Candidate(("allowed",), {"sandbox.network_allow": Edit(append=(entry,))}, ("--allow-host", entry))
    if mode == "full":
        return Answer(entry, "host", "allowed", ("the host's network is shared: all that it reaches",), origin), ()
    if mode == "off":
        both = Candidate(listed.to, {"sandbox.network_mode": Set("allowlist"), **listed.patches}, listed.flags)
        return Answer(entry, "host", "denied", ("the box has no network",), origin), (both,)
    verdict = decide(plan, profile)
    asked = plan.network.ask and not verdict.allow and not verdict.fixed
    reasons = (verdict.reason, "you will be asked about it: `inner approvals`") if asked else (verdict.reason,)
    answer = Answer(entry, "host", "allowed" if verdict.allow else "denied", reasons, verdict.origin)
    return answer, () if verdict.allow or verdict.fixed else (listed,)


# --- variables ------------------------------------------------------------------------------------------------------------


def _variable(plan: Plan, profile: Profile, host: Host, name: str) -> tuple[Answer, tuple[Candidate, ...]]:
    found = next((v for v in plan.env if v.name == name), None)
    there = name in host.env
    if found is not None and (found.value is not None or there):
        if found.value is None:
            return Answer(name, "variable", "passed", ("taken from this environment when the box starts",), found.origin), ()
        reason = "inner sets it itself" if name in OWN else "set to a value of the profile's, or of inner's own"
        return Answer(name, "variable", "set", (reason,), found.origin), ()
    if name in OWN:
        return Answer(name, "variable", "unset", ("inner sets it itself, when there is something to set",)), ()
    set_ = Candidate(("set",), {f"env.set.{name}": Set("value")}, ("--env", f"{name}=value"))
    if not there:
        named = name in profile.env.passthrough
        origin = profile.origin(f"env.passthrough[{name}]") if named else INNER
        if named:  # set here it passes; a value in a profile or in a command line could be a secret that others read there
            reason = f"the profile passes it, and it is not set in this environment: `export {name}=...` before `inner run`"
            return Answer(name, "variable", "unset", (reason,), origin), ()
        return Answer(name, "variable", "unset", ("it is not set in this environment either",), origin), (set_,)
    reasons = ["the environment of a box is made from nothing, and no line of the profile names it"]
    if name in SESSION:
        reasons.append("it points at the host's own session, which the box cannot reach")
    if is_code(name):
        reasons.append("programs run or load what it names")
    passed = Candidate(("passed",), {"env.passthrough": Edit(append=(name,))})
    return Answer(name, "variable", "not passed", tuple(reasons)), (passed, set_)
