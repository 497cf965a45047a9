"""What came of the attempts to break out: held, broken, or open because the profile says so. Pure."""

from __future__ import annotations

from inner.frozen import TYPE_CHECKING, frozen
from inner.inside import attack
from inner.inside.attempt import ATTEMPTS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from inner.checks.model import Subject

HELD, BROKEN, OPEN = "HELD", "BROKEN", "OPEN"
NAMES = tuple(ATTEMPTS) if attack.MODULES else ()

UNFILTERED = ("core-dump", "parameters")  # kept by other means than the filter
KERNEL_FILTERED = tuple(
    name for name, (group, _, _) in ATTEMPTS.items() if group == "kernel interfaces" and name not in UNFILTERED
)
SHARED_NETWORK = (
    "unix-abstract", "passed-descriptor", "socket-list", "loopback", "loopback-datagram", "port-list", "interfaces", "route", "metadata", "offer",
    "proxy-loopback",
)  # fmt: skip
GIT = tuple(name for name in ATTEMPTS if name.startswith("git-"))
HOST_PROCESSES = (*(name for name, (group, _, _) in ATTEMPTS.items() if group == "processes"), "proc-root", "proc-cwd")

# (what is open, line of a profile that opens it, whether this profile has it)
GRANTS: tuple[tuple[tuple[str, ...], str, Callable[[Subject], bool]], ...] = (
    (SHARED_NETWORK, 'network_mode = "full"', lambda s: s.plan.network.mode == "full"),
    (
        (*KERNEL_FILTERED, "type-in", "type-in-upper-bits", "netlink-events", "vsock", "kernel-ciphers", "set-id"),
        'seccomp = "off"',
        lambda s: s.plan.seccomp == "off",
    ),
    (
        ("user-namespace", "user-namespace-clone3", "mount-in-namespace", "set-id", "proc-keys", "proc-kallsyms"),
        'allow = ["nested-user-ns"]',
        lambda s: s.plan.namespaces.nested_user,
    ),
    (("sysfs", "other-users", "devices"), 'root = "host-ro"', lambda s: s.profile.sandbox.root == "host-ro"),
    ((*GIT, "set-id"), 'git_dir = "rw"', lambda s: s.profile.sandbox.git_dir == "rw"),
    (("agent-login",), "agents = [...]", lambda s: any(private.logins for private in s.plan.private)),
    (("variable", "sweep-environments"), "inherit_all = true", lambda s: s.profile.env.inherit_all),
    ((*HOST_PROCESSES, "command-lines"), "pid_namespace = false", lambda s: not s.plan.namespaces.pid),
)


@frozen
class Outcome:
    """One attempt: `state` is HELD, BROKEN or OPEN; `text` what stopped it, what it got, or the line that grants it."""

    name: str
    group: str
    title: str
    state: str
    text: str


def judge(subject: Subject, answers: Mapping[str, object], saw: Callable[[str], bool]) -> tuple[Outcome, ...]:
    """`answers` is what `inner.inside.attack` returned, hostile like all that comes out of the box; `saw` asks the host. An attempt that
    did not answer is not held.
    """
    return tuple(_outcome(subject, name, answers.get(name), saw) for name in NAMES)


def _outcome(subject: Subject, name: str, given: object, saw: Callable[[str], bool]) -> Outcome:
    group, title, _ = ATTEMPTS[name]
    answer = given if isinstance(given, dict) else {}
    state, text = str(answer.get("state", "")), str(answer.get("text", ""))
    if state == "seen":
        state, text = ("broken", text) if saw(text) else ("held", "the host saw nothing of it")
    if state == "held":
        return Outcome(name, group, title, HELD, text)
    grant = next((line for names, line, holds in GRANTS if name in names and holds(subject)), "")
    if grant and state == "broken":
        return Outcome(name, group, title, OPEN, f"`{grant}`: {text}")
    return Outcome(name, group, title, BROKEN, text or "no answer")
