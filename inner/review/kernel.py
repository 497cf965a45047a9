"""The kernel calls of a review that Python has no name for: namespaces and mounts, and renames that never replace unseen.

Failures are OSError with the kernel's reason. Numbers: asm/unistd.h of x86_64, and the generic table of later architectures.
"""

from __future__ import annotations

import os

from inner.launch.syscall import OPENAT2, RENAME_NOREPLACE, RENAMEAT2, RESOLVE_NO_MAGICLINKS, RESOLVE_NO_SYMLINKS, syscall

_X86 = os.uname().machine == "x86_64"
UNSHARE, MOUNT, SYNCFS = (272, 165, 306) if _X86 else (97, 40, 267)
CLONE_NEWNS, CLONE_NEWUSER = 0x20000, 0x10000000
MS_REC, MS_SLAVE = 1 << 14, 1 << 19  # mount(2)
RENAME_EXCHANGE = 2  # rename(2)
RESOLVE_BENEATH = 8
PIECE = 1000  # characters, of at most four bytes


def call(number: int, *args: int | bytes | None) -> int:
    """A call by its number; OSError with its reason when it fails."""
    result = syscall(number, *args)
    if result == -1:
        import ctypes

        libc = ctypes.CDLL(None, use_errno=True)  # once more, for the reason: these calls fail the same way twice
        result = libc.syscall(number, *args)
        if result == -1:
            problem = ctypes.get_errno()
            raise OSError(problem, os.strerror(problem))
    return result


def namespace() -> None:
    """Moves this process, which must have one thread, into a user and a mount namespace of its own. Users keep their numbers:
    root all that there are, or files of others could not be copied into the layer; anybody else, who may not, the own one.
    """
    uid, gid = os.geteuid(), os.getegid()
    if uid == 0:
        _mapped()
    else:
        call(UNSHARE, CLONE_NEWUSER | CLONE_NEWNS)
        _write("/proc/self/setgroups", "deny")  # user_namespaces(7): before the map of groups
        _write("/proc/self/uid_map", f"{uid} {uid} 1")
        _write("/proc/self/gid_map", f"{gid} {gid} 1")
    call(MOUNT, b"none", b"/", None, MS_REC | MS_SLAVE, None)


def _mapped() -> None:
    """The same for root. The maps have to be written from the namespace above: by a child that stays there."""
    maps = {}
    for name in ("uid_map", "gid_map"):
        with open(f"/proc/self/{name}", encoding="ascii") as file:
            maps[name] = "".join(f"{first} {first} {count}\n" for first, _, count in map(str.split, file))
    me, (read, write) = os.getpid(), os.pipe2(os.O_CLOEXEC)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.close(write)
            os.read(read, 1)
            for name, text in maps.items():
                _write(f"/proc/{me}/{name}", text)
            code = 0
        finally:
            os._exit(code)
    os.close(read)
    try:
        call(UNSHARE, CLONE_NEWUSER | CLONE_NEWNS)
    finally:
        os.close(write)
        _, status = os.waitpid(child, 0)
    if status:
        raise OSError(1, "the users of a namespace cannot be mapped")


def _write(path: str, text: str) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(fd, text.encode())
    finally:
        os.close(fd)


def overlay(lower: int, folder: str) -> None:
    """Mounts `lower`, an O_PATH descriptor, under `folder/upper`, at `folder/root`. Changes the working directory: names in the
    options of a mount cannot hold every character, so that they are short ones of ours."""
    os.chdir(folder)
    options = f"userxattr,lowerdir=/proc/self/fd/{lower},upperdir=upper,workdir=work"
    call(MOUNT, b"overlay", b"root", b"overlay", 0, options.encode())


def open_beneath(root: int, path: str, flags: int) -> int:
    """Opens `path` ("" for itself) below the descriptor `root` without following any link. PATH_MAX is 4096: deep paths are
    walked in pieces."""
    here = root
    try:
        while len(path) > PIECE:
            cut = path.rindex("/", 0, PIECE)  # a name has 255 bytes at most
            step = _beneath(here, path[:cut], os.O_PATH | os.O_DIRECTORY)
            path = path[cut + 1 :]
            if here != root:
                os.close(here)
            here = step
        if not path:
            return os.open(".", flags | os.O_CLOEXEC | os.O_NOFOLLOW, dir_fd=here)
        return _beneath(here, path, flags)
    finally:
        if here != root:
            os.close(here)


_HOW: dict[int, bytes] = {}  # struct open_how by flags: flags, mode 0, resolve


def _beneath(root: int, path: str, flags: int) -> int:
    flags |= os.O_CLOEXEC | os.O_NOFOLLOW
    how = _HOW.get(flags)
    if how is None:
        rules = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS
        how = _HOW[flags] = flags.to_bytes(16, "little") + rules.to_bytes(8, "little")
    fd = syscall(OPENAT2, root, os.fsencode(path), how, 24)
    if fd >= 0:
        return fd
    here = root  # for the reason; or a kernel before 5.6
    parts = path.split("/")
    try:
        for at, part in enumerate(parts):
            if part in ("", ".", ".."):
                raise OSError(22, "not a plain path", path)
            wanted = flags if at == len(parts) - 1 else os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
            step = os.open(part, wanted, dir_fd=here)
            if here != root:
                os.close(here)
            here = step
    except BaseException:
        if here != root:
            os.close(here)
        raise
    return here


def move(folder: int, old: str, new: str) -> bool:
    """Renames within `folder` when nothing is at `new`; False when something is."""
    if syscall(RENAMEAT2, folder, os.fsencode(old), folder, os.fsencode(new), RENAME_NOREPLACE) == 0:
        return True
    try:  # taken, or a file system without the call: a link does not replace either
        os.stat(new, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        pass
    else:
        return False
    try:
        os.link(old, new, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=False)
    except FileExistsError:
        return False
    except PermissionError:  # a file system without links
        os.rename(old, new, src_dir_fd=folder, dst_dir_fd=folder)
        return True
    os.unlink(old, dir_fd=folder)
    return True


def exchange(folder: int, one: str, other: str) -> bool:
    """Swaps two names within `folder`, so that what was replaced can be looked at; False where that is not possible."""
    return syscall(RENAMEAT2, folder, os.fsencode(one), folder, os.fsencode(other), RENAME_EXCHANGE) == 0


def flush(folder: int) -> None:
    """Everything written to the file system of `folder` is on the disk when this returns (syncfs(2))."""
    fd = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=folder)
    try:
        if syscall(SYNCFS, fd) == -1:
            os.sync()
    finally:
        os.close(fd)
