"""Who makes the overlay of a layer: bubblewrap, we ourselves in the process that becomes bubblewrap, or nobody: then it is a copy.

An overlay shows the host's files as they are and costs nothing at the start, whatever the size of the project
(Documentation/filesystems/overlayfs.rst; in user namespaces since 5.11). Where there can be none, the reason is told.
"""

from __future__ import annotations

import errno
import os
import stat

from inner.errors import RunError
from inner.frozen import TYPE_CHECKING
from inner.launch.syscall import open_path
from inner.paths import covers
from inner.review import kernel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from inner.words import Features

KNOWN = "overlay-works"  # in the folder of all reviews: kernel, device of the lower, device of the upper folder

# Times of these come from another machine's clock, or files change below an overlay without its knowing.
REMOTE = frozenset(
    (
        "nfs",
        "nfs4",
        "cifs",
        "smb3",
        "smbfs",
        "9p",
        "ceph",
        "afs",
        "lustre",
        "gfs2",
        "ocfs2",
        "virtiofs",
        "vboxsf",
        "prl_fs",
        "fuseblk",
    )
)


def kind(src: str, folder: str, features: Features) -> tuple[str, str]:
    """("bwrap" | "own" | "copy", why no overlay) for the folder `src`, with the layer's own files in `folder`."""
    reason = _unfit(src)
    if not reason:
        problem = _tried(src, folder)
        reason = f"this system cannot put an overlay on it ({os.strerror(problem).lower()})" if problem else ""
    if reason:
        return "copy", reason
    return "bwrap" if features.has("overlay") else "own", ""


def _unfit(src: str) -> str:
    info = os.lstat(src)
    if os.geteuid() and (info.st_uid, info.st_gid) != (os.geteuid(), os.getegid()):
        return "it belongs to another user or group"
    device, kind_of = "", ""
    for place, fstype in _mounts():
        if place != src and covers(src, place):
            return f"`{place}` in it is a file system of its own"
        if covers(place, src) and len(place) >= len(device):
            device, kind_of = place, fstype
    if kind_of in REMOTE or kind_of.startswith("fuse."):
        return f"it is on another machine or device ({kind_of})"
    return ""


def _mounts() -> Iterable[tuple[str, str]]:
    """Mount points and types, from /proc/self/mountinfo (proc(5))."""
    with open("/proc/self/mountinfo", "rb") as file:
        for line in file:
            left, _, right = line.partition(b" - ")
            place = left.split(b" ")[4]
            if b"\\" in place:
                for code, char in ((b"\\040", b" "), (b"\\011", b"\t"), (b"\\012", b"\n"), (b"\\134", b"\\")):
                    place = place.replace(code, char)
            yield os.fsdecode(place), right.split(b" ", 1)[0].decode("ascii", "replace")


def _tried(src: str, folder: str) -> int:
    """The errno of mounting one, in a child; 0 when it works. What worked once for the same devices is not tried again."""
    known = f"{folder.rpartition('/')[0].rpartition('/')[0]}/{KNOWN}"
    key = f"{os.uname().release} {os.lstat(src).st_dev} {os.lstat(folder).st_dev}\n"
    try:
        with open(known, encoding="ascii", errors="replace") as file:
            if key in file:
                return 0
    except OSError:
        pass
    child = os.fork()
    if child == 0:
        code = errno.EIO
        try:
            kernel.namespace()
            kernel.overlay(open_path(src), folder)
            code = 0
        except OSError as problem:
            code = problem.errno or errno.EIO
        finally:
            os._exit(code & 0xFF)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code == 0:
        try:
            with open(known, "a", encoding="ascii") as file:
                file.write(key)
        except OSError:
            pass
    return code


def enter(layers: Sequence[tuple[str, str]], known: str) -> Callable[[], None]:
    """What the process does that will become bubblewrap: mount every (source, folder) in namespaces of its own.

    Descriptors of `folder/root` that were opened before are replaced by those of the overlay that lies over it now.
    """

    def mounted() -> None:
        held: dict[tuple[int, int], list[int]] = {}
        for name in os.listdir("/proc/self/fd"):
            try:
                info = os.fstat(int(name))
            except OSError:
                continue
            if stat.S_ISDIR(info.st_mode):
                held.setdefault((info.st_dev, info.st_ino), []).append(int(name))
        before = [os.lstat(f"{folder}/root") for _, folder in layers]
        try:
            kernel.namespace()
            for (source, folder), info in zip(layers, before, strict=True):
                lower = open_path(source)
                kernel.overlay(lower, folder)
                os.close(lower)
                root = os.open("root", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
                for fd in held.get((info.st_dev, info.st_ino), ()):
                    os.dup2(root, fd)
                os.close(root)
        except OSError as problem:
            try:
                os.unlink(known)  # it is tried again the next time
            except OSError:
                pass
            raise RunError(f"the overlay for the review could not be mounted: {problem.strerror}") from None
        os.chdir("/")

    return mounted
