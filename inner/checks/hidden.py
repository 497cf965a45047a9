"""The hidden places, key by key (`plan.hide`), and sockets: what exists on the host must be absent, empty or deaf in the box."""

from __future__ import annotations

from inner.checks.model import OK, Check, Verdict, listed
from inner.frozen import TYPE_CHECKING
from inner.host import realpath
from inner.paths import covers
from inner.plan.hide import KEYS
from inner.plan.model import Bind

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from inner.checks.model import Answer, Question, Subject

SEVERITY = {"git-credentials": "CRITICAL", "docker-socket": "CRITICAL", "podman-socket": "HIGH"}
MEDIUM = ("netrc", "npmrc", "pypirc", "maven-settings", "gradle-properties", "helm-config", "mysql-config", "pgpass")
# Services of a machine or a session whose sockets have a name known to all; `{run}` is /run/user/UID.
SOCKETS = (
    "/run/dbus/system_bus_socket", "/run/systemd/private", "/run/systemd/journal/socket", "/run/containerd/containerd.sock",
    "/run/crio/crio.sock", "/run/libvirt/libvirt-sock", "/run/snapd.socket", "/run/lxd.socket", "/run/cups/cups.sock",
    "/run/avahi-daemon/socket", "/run/nscd/socket", "/run/pcscd/pcscd.comm", "/run/udev/control", "/run/postgresql/.s.PGSQL.5432",
    "/run/mysqld/mysqld.sock", "/run/redis/redis.sock", "/var/lib/lxd/unix.socket", "/tmp/.X11-unix/X0", "/tmp/.X11-unix/X1",
    "{run}/wayland-0", "{run}/pulse/native", "{run}/pipewire-0", "{run}/at-spi/bus_0", "{run}/bus", "{run}/systemd/private",
)  # fmt: skip


def _places(subject: Subject, key: str) -> list[str]:
    """Where the box would see what the key hides: the named path, and its real one, when it is on the host at all."""
    places = [path for path, own in subject.secrets.paths.items() if own == key]
    return list(dict.fromkeys(place for path in places for place in (path, realpath(subject.host, path))))


def _ask(key: str) -> Callable[[Subject], Sequence[Question]]:
    return lambda subject: [{"ask": "path", "path": place} for place in _places(subject, key)]


def _judge(key: str) -> Callable[[Subject, Sequence[Answer]], Verdict]:
    def judge(subject: Subject, answers: Sequence[Answer]) -> Verdict:
        there = [place for place, answer in zip(_places(subject, key), answers, strict=True) if _reached(subject, place, answer)]
        copies = sorted({p.dest for p in subject.plan.private if p.logins and p.dest in _places(subject, key)})
        if not there:
            return Verdict(note=f"readable by all that runs in the box, a copy of the login: {listed(copies)}") if copies else OK
        return Verdict(f"reachable: {listed(there)}")

    return judge


def _reached(subject: Subject, place: str, answer: Answer) -> bool:
    """Whether the box sees anything of the host's there. A socket counts when somebody answers, a folder when it has entries; a
    file of the box's own (a seed, a history, the copy of a login that an agent needs) does not.
    """
    if not answer["kind"] or any(private.dest == place for private in subject.plan.private):
        return False
    if not subject.table.at(place).host and _own(subject, place):
        return False
    if answer["kind"] == "dir":
        return bool(answer["entries"])
    if answer["kind"] == "socket":
        return bool(answer["read"])
    return bool(answer["size"]) if answer["kind"] == "file" else bool(answer["read"])


def _own(subject: Subject, place: str) -> bool:
    """Whether the plan itself put something at the place, or below it, that is not the host's."""
    return any(covers(place, mount.dest) and not isinstance(mount, Bind) for mount in subject.plan.mounts)


# --- sockets --------------------------------------------------------------------------------------------------------------


def _ask_sockets(subject: Subject) -> Sequence[Question]:
    run = f"/run/user/{subject.host.uid}"
    named = [place.replace("{run}", run) for place in SOCKETS]
    agent = subject.host.env.get("SSH_AUTH_SOCK", "")
    roots = ["/run", "/tmp", "/var/tmp", subject.plan.home]
    return [{"ask": "sockets", "named": [*named, *([agent] if agent.startswith("/") else [])], "roots": roots, "depth": 4}]


def _sockets(subject: Subject, answers: Sequence[Answer]) -> Verdict:
    open_ = [place for place in answers[0]["open"] if not covers(subject.plan.cwd, place)]
    granted: dict[str, str] = {m.dest: m.why for m in subject.plan.mounts if isinstance(m, Bind) and m.kind == "other"}
    given = [place for place in open_ if place in granted or realpath(subject.host, place) in granted]
    wrong = [place for place in open_ if place not in given]
    if wrong:
        return Verdict(f"somebody answers at {listed(wrong)}")
    return Verdict(note=f"granted: {listed(given)}") if given else OK


def _ask_inside(subject: Subject) -> Sequence[Question]:
    return [{"ask": "sockets", "named": [], "roots": [subject.plan.cwd], "depth": 3}]


def _inside(_subject: Subject, answers: Sequence[Answer]) -> Verdict:
    found = answers[0]["open"]
    return Verdict(f"a service of the host answers at {listed(found)}: move it out of the project") if found else OK


def _ask_abstract(_subject: Subject) -> Sequence[Question]:
    return [{"ask": "abstract"}]


def _abstract(subject: Subject, answers: Sequence[Answer]) -> Verdict:
    names = answers[0]["names"]
    if not names:
        return OK
    if subject.plan.network.mode == "full":
        return Verdict(note=f"shared with the network: {listed(names)}")
    return Verdict(f"abstract sockets of the host: {listed(names)}")


def _title(key: str) -> str:
    return f"hidden: {', '.join(path.replace('{run}', '/run/user/UID') for path in KEYS[key][:3])}"


CHECKS = (
    *(
        Check(key, SEVERITY.get(key, "MEDIUM" if key in MEDIUM else "HIGH"), _title(key), _ask(key), _judge(key), key)
        for key in KEYS
    ),
    Check("hidden-always", "HIGH", "logins, histories and inner's own files are out of reach", _ask(""), _judge("")),
    Check("sockets", "HIGH", "no service of the host answers", _ask_sockets, _sockets),
    Check("sockets-project", "MEDIUM", "no service of the host answers in the project", _ask_inside, _inside),
    Check("sockets-abstract", "HIGH", "no abstract socket of the host can be seen", _ask_abstract, _abstract),
)
