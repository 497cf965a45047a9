"""The file system: every mount in its mode, nothing beside them, the system unwritable, home and project as planned."""

from __future__ import annotations

import hashlib

from inner.checks.model import OK, Check, Verdict, listed
from inner.frozen import TYPE_CHECKING
from inner.paths import covers
from inner.plan.model import Bind, Data, Dev, Dir, Mask, Overlay, Proc, Tmpfs, ground
from inner.plan.mounts import DEV_LINKS, DEVICES
from inner.profile.layer import Set
from inner.profile.model import MountSpec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inner.checks.model import Answer, Question, Subject
    from inner.plan.model import Mount
    from inner.profile.layer import Patch

SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib64", "/etc", "/boot", "/opt", "/nix/store", "/gnu/store")
ETC = "/etc"
MOST_COPIED = 600  # entries of one folder
GIT = (".git/hooks", ".git/config")
# Where the box could write these, by their owner and mode, bubblewrap covers them by itself (bubblewrap.c, SETUP_MOUNT_PROC).
COVERED = ("/proc/sys", "/proc/sysrq-trigger", "/proc/irq", "/proc/bus")


def _at(path: str) -> Question:
    return {"ask": "path", "path": path}


# --- the mount table ------------------------------------------------------------------------------------------------------


def _copied(subject: Subject) -> dict[str, str]:
    """Folders of the machine's /etc that may be copies in the box's own, which is mounted read-only as one (`launch.etcmade`)."""
    return {
        mount.dest: mount.src
        for mount in subject.plan.mounts
        if isinstance(mount, Bind)
        and (mount.kind, mount.mode) == ("dir", "ro")
        and covers(ETC, mount.dest)
        and covers(ETC, mount.src)
    }


def _ask_mounts(subject: Subject) -> Sequence[Question]:
    return [{"ask": "mounts"}, *({"ask": "listing", "path": place, "most": MOST_COPIED} for place in _copied(subject))]


def _mounts(subject: Subject, answers: Sequence[Answer]) -> Verdict:
    """As the kernel lists them: `ro` and `rw` are options of the mount, whatever the permissions of files are."""
    seen = {place: options.split(",") for place, options in answers[0]["mounts"]}
    listings = zip(_copied(subject).items(), answers[1:], strict=True)
    copies = {place for (place, src), answer in listings if answer == {"names": _names(subject, src)}}
    wrong = []
    for mount in subject.plan.mounts:
        place = _escaped(mount.dest)
        mode = _mode(mount)
        if mode and place not in seen and mount.dest in copies and "ro" in seen.get(ETC, ()):
            continue
        if mode and place not in seen:
            wrong.append(f"{mount.dest} is not mounted")
        elif mode and mode not in seen[place]:
            wrong.append(f"{mount.dest} is {'writable' if mode == 'ro' else 'read-only'}")
    planned = {_escaped(mount.dest) for mount in subject.plan.mounts}
    devices = {_escaped(mount.dest) for mount in subject.plan.mounts if isinstance(mount, Dev)}
    binds = [(_escaped(m.dest), _escaped(m.src)) for m in subject.plan.mounts if isinstance(m, Bind) and m.kind == "dir"]
    points = _host_points(subject)
    for place, options in seen.items():
        inside = any(covers(dev, place) and place != dev for dev in devices)
        # a mount of the host's below a folder that is shown comes along
        along = any(covers(dest, place) and src.rstrip("/") + place[len(dest.rstrip("/")) :] in points for dest, src in binds)
        covered = place in COVERED and "ro" in options
        if place not in planned and not inside and not along and not covered:
            wrong.append(f"{place} was not planned")
    return Verdict(listed(wrong)) if wrong else OK


def _names(subject: Subject, folder: str) -> list[str]:
    return sorted(subject.host.listdir(folder))[:MOST_COPIED]


def _host_points(subject: Subject) -> set[str]:
    """Mount points of the host, written as mountinfo does."""
    text, path = b"", "/proc/self/mountinfo"
    while piece := subject.host.read(path, 1 << 16, len(text)):  # the kernel gives a page or so at a time
        text += piece
    lines = text.decode("utf-8", "surrogateescape").encode("ascii", "backslashreplace").decode().splitlines()
    return {fields[4] for fields in (line.split() for line in lines) if len(fields) > 4}


def _mode(mount: Mount) -> str:
    """Either `ro` or `rw`, or "" where no mount of its own can be relied on: bubblewrap copies files into memory of the same mode."""
    if isinstance(mount, (Bind, Tmpfs, Proc)):
        return mount.mode
    if isinstance(mount, Overlay):
        return "rw"
    return "ro" if isinstance(mount, (Mask, Dev)) else ""


def _escaped(path: str) -> str:
    """As /proc/self/mountinfo writes it, and the probe hands it over: octal for what would end a field."""
    for char, code in (("\\", "\\134"), (" ", "\\040"), ("\t", "\\011"), ("\n", "\\012")):
        path = path.replace(char, code)
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape").encode("ascii", "backslashreplace").decode()


# --- nothing beside them --------------------------------------------------------------------------------------------------


def _folders(subject: Subject) -> list[str]:
    """Folders of the box's own memory: what is in them was planned, or put there by the box itself."""
    return [m.dest for m in subject.plan.mounts if isinstance(m, (Tmpfs, Dir)) and _in_memory(subject, m)]


def _in_memory(subject: Subject, mount: Mount) -> bool:
    at: dict[str, Mount] = {m.dest: m for m in subject.plan.mounts}
    return isinstance(mount, Tmpfs) or isinstance(ground(at, mount.dest), Tmpfs)


def _children(subject: Subject, folder: str) -> set[str]:
    prefix = folder.rstrip("/") + "/"
    return {m.dest[len(prefix) :].partition("/")[0] for m in subject.plan.mounts if m.dest.startswith(prefix)}


def _ask_folders(subject: Subject) -> Sequence[Question]:
    return [{"ask": "listing", "path": folder} for folder in _folders(subject)]


def _unplanned(subject: Subject, answers: Sequence[Answer]) -> Verdict:
    more = [
        f"{folder.rstrip('/')}/{name}"
        for folder, answer in zip(_folders(subject), answers, strict=True)
        for name in answer["names"]
        if name not in _children(subject, folder)
    ]
    return Verdict(f"nobody planned {listed(more)}") if more else OK


def _bounded(subject: Subject, answers: Sequence[Answer]) -> Verdict:
    sizes = {m.dest: m.size for m in subject.plan.mounts if isinstance(m, Tmpfs)}
    page = 65536  # the largest page there is: sizes are rounded up to pages
    wide = [dest for (dest, size), answer in zip(sizes.items(), answers, strict=True) if not 0 <= answer["size"] <= size + page]
    return Verdict(f"not bounded as planned: {listed(wide)}") if wide else OK


def _ask_sizes(subject: Subject) -> Sequence[Question]:
    return [{"ask": "file_system", "path": m.dest} for m in subject.plan.mounts if isinstance(m, Tmpfs)]


def _made(subject: Subject) -> list[Data]:
    """Made-up files that nothing has rewritten yet."""
    return [m for m in subject.plan.mounts if isinstance(m, Data) and m.mode == "ro"]


def _ask_made(subject: Subject) -> Sequence[Question]:
    return [{"ask": "digest", "path": m.dest} for m in _made(subject)]


def _made_up(subject: Subject, answers: Sequence[Answer]) -> Verdict:
    other = [m.dest for m, a in zip(_made(subject), answers, strict=True) if a["sha256"] != hashlib.sha256(m.content).hexdigest()]
    return Verdict(f"not what was made for this box: {listed(other)}") if other else OK


def _masked(subject: Subject) -> list[Mask]:
    return [m for m in subject.plan.mounts if isinstance(m, Mask)]


def _ask_masked(subject: Subject) -> Sequence[Question]:
    return [_at(m.dest) for m in _masked(subject)]


def _masks(subject: Subject, answers: Sequence[Answer]) -> Verdict:
    open_ = [m.dest for m, a in zip(_masked(subject), answers, strict=True) if a["entries"] or (a["size"] and a["kind"] != "dir")]
    return Verdict(f"show something: {listed(open_)}") if open_ else OK


# --- the system -----------------------------------------------------------------------------------------------------------


def _system(subject: Subject) -> list[str]:
    places = [place for place in SYSTEM if subject.table.at(place).kind == "dir"]
    return ["/", *places, *(m.dest for m in subject.plan.mounts if isinstance(m, Bind) and m.why == "programs and libraries")]


def _ask_system(subject: Subject) -> Sequence[Question]:
    return [q for place in _system(subject) for q in (_at(place), {"ask": "file_system", "path": place})]


def _readonly(subject: Subject, answers: Sequence[Answer]) -> Verdict:
    """Both by trying, and by the file system's own word: permissions alone are no mount."""
    places = dict.fromkeys(
        place
        for place, tried, told in zip(_system(subject), answers[::2], answers[1::2], strict=True)
        if tried["write"] or not told["readonly"]
    )
    return Verdict(f"can be written: {listed(list(places))}") if places else OK


def _minimal(subject: Subject, _answers: Sequence[Answer]) -> Verdict:
    if subject.profile.sandbox.root == "minimal":
        return OK
    return Verdict("the host's root is shown, read-only", mend={"sandbox.root": Set("minimal")})


def _ask_devices(_subject: Subject) -> Sequence[Question]:
    return [{"ask": "listing", "path": "/dev"}]


def _devices(subject: Subject, answers: Sequence[Answer]) -> Verdict:
    known = {*DEVICES, *DEV_LINKS, "pts", "shm", "console", *_children(subject, "/dev")}
    more = sorted(set(answers[0]["names"]) - known)
    return Verdict(f"devices of the host: {listed(more)}") if more else OK


# --- home and project -----------------------------------------------------------------------------------------------------


def _ask_home(subject: Subject) -> Sequence[Question]:
    return [{"ask": "listing", "path": subject.plan.home}, {"ask": "file_system", "path": subject.plan.home}]


def _home(subject: Subject, answers: Sequence[Answer]) -> Verdict:
    if subject.profile.sandbox.home != "isolated":
        return Verdict("your home folder is shown, read-only", mend={"sandbox.home": Set("isolated")})
    more = sorted(set(answers[0]["names"]) - _children(subject, subject.plan.home))
    return Verdict(f"the box's home holds {listed(more)}") if more else OK


def _ask_project(subject: Subject) -> Sequence[Question]:
    return [_at(subject.plan.cwd)]


def _project(subject: Subject, answers: Sequence[Answer]) -> Verdict:
    meant, found = subject.table.at(subject.plan.cwd), answers[0]
    if found["kind"] != "dir" or not found["read"]:
        return Verdict("the folder to work in cannot be read")
    if meant.mode == "rw" and not found["write"]:
        return Verdict("the folder to work in cannot be written: is it yours?")
    return Verdict("the folder to work in can be written, and should not be") if meant.mode == "ro" and found["write"] else OK


def _wide(subject: Subject, _answers: Sequence[Answer]) -> Verdict:
    """Writable mounts of the profile outside of the project: meant, and worth telling."""
    mend: dict[str, Patch] = {}
    for spec in subject.profile.mounts:
        if spec.mode == "rw":
            mend[f"mounts.{spec.src}"] = Set(MountSpec(spec.src, spec.dest, "ro"))
    return Verdict(note=f"writable besides the project: {listed([m[7:] for m in mend])}") if mend else OK


def _protected(subject: Subject) -> list[str]:
    """Read-only places inside of the project, and git's own, which run code on the host."""
    plan = subject.plan
    planned = [m.dest for m in plan.mounts if _mode(m) == "ro" and m.dest != plan.cwd and covers(plan.cwd, m.dest)]
    git = [
        place
        for place in (f"{plan.cwd}/{name}" for name in GIT)
        # what lies in a copy of git's folder is not brought back
        if subject.host.lstat(host := subject.table.at(place).host) is not None and covers(plan.project, host)
    ]
    return list(dict.fromkeys((*planned, *git)))


def _ask_protected(subject: Subject) -> Sequence[Question]:
    return [q for place in _protected(subject) for q in (_at(place), {"ask": "entry", "path": place})]


def _protect(subject: Subject, answers: Sequence[Answer]) -> Verdict:
    loose = [
        place
        for place, tried, moved in zip(_protected(subject), answers[::2], answers[1::2], strict=True)
        if tried["write"] or moved["moved"]
    ]
    if not loose:
        return OK
    mend: dict[str, Patch] = {"sandbox.git_dir": Set("protected")} if subject.profile.sandbox.git_dir == "rw" else {}
    names = [place[len(subject.plan.cwd) + 1 :] for place in loose]
    return Verdict(f"can be changed, and would run on the host: {listed(names)}", mend=mend)


def _nothing(_subject: Subject) -> Sequence[Question]:
    return ()


CHECKS = (
    Check("usr-readonly", "CRITICAL", "the system cannot be written", _ask_system, _readonly),
    Check("mounts", "CRITICAL", "every mount in its place and mode, and no other", _ask_mounts, _mounts),
    Check("unplanned", "HIGH", "nothing but what was planned", _ask_folders, _unplanned),
    Check("home-isolated", "HIGH", "home is empty but for what was planned", _ask_home, _home),
    Check("root-minimal", "MEDIUM", "the root is the box's own", _nothing, _minimal),
    Check("devices", "HIGH", "no device of the host", _ask_devices, _devices),
    Check("masks", "HIGH", "what is hidden shows nothing", _ask_masked, _masks),
    Check("made-files", "MEDIUM", "made-up files are as they were made", _ask_made, _made_up),
    Check("bounded", "MEDIUM", "memory for files is bounded", _ask_sizes, _bounded),
    Check("project", "HIGH", "the project is writable as planned", _ask_project, _project),
    Check("project-protected", "HIGH", "files that would run code on the host cannot be changed", _ask_protected, _protect),
    Check("writable", "INFO", "nothing else is writable", _nothing, _wide),
)
