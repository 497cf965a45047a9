"""What the box's process is, and what of the kernel it can reach: identity, privileges, namespaces, terminal, descriptors."""

from __future__ import annotations

from inner.checks.model import OK, Check, Verdict, listed
from inner.frozen import TYPE_CHECKING
from inner.profile.layer import Set

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from inner.checks.model import Answer, Question, Subject

CAPABILITIES = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")
SECCOMP_FILTER = "2"  # seccomp(2), SECCOMP_MODE_FILTER, as /proc/PID/status shows it
SPACES = ("mnt", "pid", "ipc", "uts", "user", "cgroup", "net")
OURS = ("bwrap", "python", "sh")  # what runs in the box while it is asked


def _one(question: str) -> Callable[[Subject], Sequence[Question]]:
    return lambda _subject: [{"ask": question}]


def _root(_subject: Subject, answers: Sequence[Answer]) -> Verdict:
    process = answers[0]
    if 0 in (process["uid"], process["gid"]):
        return Verdict(f"the box runs as uid {process['uid']}, gid {process['gid']}")
    return OK


def _capabilities(_subject: Subject, answers: Sequence[Answer]) -> Verdict:
    held = [name for name in CAPABILITIES if int(answers[0][name] or "0", 16)]
    return Verdict(f"not empty: {listed(held, 5)}") if held else OK


def _no_new_privs(_subject: Subject, answers: Sequence[Answer]) -> Verdict:
    return OK if answers[0]["NoNewPrivs"] == "1" else Verdict("a set-uid program could raise privileges")


def _seccomp(subject: Subject, answers: Sequence[Answer]) -> Verdict:
    if answers[0]["Seccomp"] == SECCOMP_FILTER:
        return OK
    if subject.plan.seccomp == "off":
        return Verdict("the profile turns the filter off", mend={"sandbox.seccomp": Set("default")})
    return Verdict("no filter of system calls is in force")


def _terminal(subject: Subject, answers: Sequence[Answer]) -> Verdict:
    # EIO is the filter's answer, and the kernel's own where dev.tty.legacy_tiocsti is 0 (6.2); EPERM that of other filters.
    if answers[0]["errno"] in ("EPERM", "EIO", "EACCES"):
        return OK
    mend = {"sandbox.seccomp": Set("default")} if subject.plan.seccomp == "off" else {}
    return Verdict("a program in the box can type into its terminal (TIOCSTI)", mend=mend)


def _nested(_subject: Subject, answers: Sequence[Answer]) -> Verdict:
    if not answers[0]["nested_user"]:
        return OK
    return Verdict("user namespaces can be made, and with them much of the kernel be reached")


def _spaces(subject: Subject, answers: Sequence[Answer]) -> Verdict:
    plan, links = subject.plan, answers[0]["links"]
    shared = [
        name
        for name in SPACES
        if (name != "net" or plan.namespaces.net) and links.get(name, "") == subject.host.readlink(f"/proc/self/ns/{name}")
    ]
    if not shared:
        return OK
    mend = {"sandbox.pid_namespace": Set(True)} if not plan.namespaces.pid else {}
    return Verdict(f"shared with the host: {listed(shared, 7)}", mend=mend)


def _processes(subject: Subject, answers: Sequence[Answer]) -> Verdict:
    strange = [f"{name} ({pid})" for pid, name in answers[0]["processes"] if not name.startswith(OURS)]
    if not strange:
        return OK
    mend = {"sandbox.pid_namespace": Set(True)} if not subject.plan.namespaces.pid else {}
    return Verdict(f"processes that are not of this box: {listed(strange)}", mend=mend)


def _descriptors(_subject: Subject, answers: Sequence[Answer]) -> Verdict:
    found = [f"{number} -> {target}" for number, target in answers[0]["open"].items()]
    return Verdict(f"open beyond 0, 1 and 2: {listed(found)}") if found else OK


def _first(_subject: Subject, answers: Sequence[Answer]) -> Verdict:
    names = answers[0]["names"]
    return Verdict(f"process 1 shows the host's environment: {listed(names)}") if names else OK


def _core(_subject: Subject, answers: Sequence[Answer]) -> Verdict:
    return OK if answers[0]["core"] == 0 else Verdict("a crash would write the box's memory to a file, or hand it to the host")


def _hostname(_subject: Subject, answers: Sequence[Answer]) -> Verdict:
    return OK if answers[0]["host"] == "inner" else Verdict(f"the box knows a machine's name: `{answers[0]['host']}`")


CHECKS = (
    Check("no-root", "CRITICAL", "the box does not run as root", _one("process"), _root),
    Check("capabilities", "CRITICAL", "no Linux capability, held or to be had", _one("process"), _capabilities),
    Check("no-new-privs", "CRITICAL", "set-uid programs raise nothing", _one("process"), _no_new_privs),
    Check("namespaces", "CRITICAL", "namespaces of its own", _one("namespaces"), _spaces),
    Check("nested-user-ns", "HIGH", "no user namespace can be made in the box", _one("namespaces"), _nested, "nested-user-ns"),
    Check("seccomp", "HIGH", "system calls are filtered", _one("process"), _seccomp),
    Check("terminal", "HIGH", "nothing can be typed into a terminal", _one("terminal"), _terminal),
    Check("processes", "HIGH", "only the box's own processes can be seen", _one("processes"), _processes),
    Check("descriptors", "HIGH", "no descriptor of the host is open", _one("descriptors"), _descriptors),
    Check("first-environment", "HIGH", "process 1 shows no environment", _one("first_environment"), _first),
    Check("core-dumps", "LOW", "no core dumps", _one("limits"), _core),
    Check("hostname", "LOW", "the machine's name is not known", _one("interfaces"), _hostname),
)
