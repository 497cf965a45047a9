"""What an attempt of this suite is: data. `stage` runs it, in a box and in the open; the tables are in `tried_*`.

An attempt succeeds when it gets hold of the token that the host's own places hold, or when it calls `got`. Neither is written in a
script, so that an error message that quotes the script proves nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

SH = """\
got() { printf 'G%s %s\\n' OT "$*"; }
printf 'BEG%s\\n' UN
"""
PY = """\
import ctypes, errno, os, signal, socket, stat, struct, subprocess, sys, time
E = os.environ
libc = ctypes.CDLL(None, use_errno=True)
X86 = os.uname().machine == "x86_64"
def got(*what): print("G" + "OT", *what, flush=True)
def call(x86, arm, *given):
    "A system call by number: what it gives, or -errno."
    libc.syscall.restype = ctypes.c_long
    found = libc.syscall(ctypes.c_long(x86 if X86 else arm), *[ctypes.c_long(g) if isinstance(g, int) else g for g in given])
    return found if found >= 0 else -ctypes.get_errno()
def reached(found, *refused):
    "The kernel looked at what it was given: it was not turned away at the door."
    if found >= 0 or -found not in (errno.EPERM, errno.ENOSYS, *refused): got("the kernel answered", found)
    else: print(errno.errorcode[-found])
print("BEG" + "UN", flush=True)
"""


class Attempt(NamedTuple):
    """`script` is for bash, or for Python when it begins with `#py`. It finds what the host has laid out in its environment: see `stage`."""

    group: str
    name: str
    script: str
    before: str = ""  # on the host, in the project, before
    after: str = ""  # on the host, in the project, afterwards: a write only counts where the host sees it
    words: tuple[str, ...] = ()  # further options of `inner run`
    profile: str = ""  # TOML below `extends = "shell"`
    open: str = "host"  # where it must succeed: see `stage.OPEN`, or TOML of a profile that permits it
    git: str = "project"  # the project is a repository: "project", or "" for none
    needs: Callable[[], bool] | None = None  # whether this machine lets anybody do it
    begins: bool = True  # False: the refusal may be that nothing is run
    wrapper: bool = False  # the script runs on the host, and starts `$INNER` itself
    terminal: bool = False  # on a terminal; what came out of it, is left in it, and its modes are judged
    stdin: str = ""  # a file of the host's, from its home, as standard input
    seconds: int = 40

    @property
    def id(self) -> str:
        return f"{self.group}: {self.name}"


def table(group: str, cases: dict[str, str | tuple[str, dict[str, object]]], **common: object) -> list[Attempt]:
    """Attempts of one group by name; a value is the script, or the script and what differs from `common`."""
    made = []
    for name, case in cases.items():
        script, more = (case, {}) if isinstance(case, str) else case
        made.append(Attempt(group, name, script, **{**common, **more}))  # type: ignore[arg-type]
    return made
