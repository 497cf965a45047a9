"""The user's terminal: what a box types into it, tells it, asks it, and leaves it as."""

from __future__ import annotations

from pathlib import Path

from attempt import table

GROUP = "terminal"
LEGACY = Path("/proc/sys/dev/tty/legacy_tiocsti")
TYPED = 'case $PENDING in *EVIL* | *"\\\\x1b["*) got "$PENDING" ;; esac'
TYPE = """#py
import fcntl, termios
def type_in(path=None, request=termios.TIOCSTI):
    f = os.open(path, os.O_RDWR | os.O_NOCTTY) if path else 0
    for c in b'EVIL':
        try: fcntl.ioctl(f, request, bytes([c]))
        except (OSError, OverflowError) as e: return print(e)
"""


def _types() -> bool:
    return not LEGACY.exists() or LEGACY.read_text().strip() == "1"


def told(*wanted: str) -> str:
    """A string that begins as one of `wanted`, with its introducer; `BYTES` is what the terminal got, as Python writes it."""
    ways = [
        f"*'{'' if text[0] == chr(92) else start}{text}'*) got '{n}' ;;"
        for n, text in enumerate(wanted)
        for start in (r"\x1b", r"\x1b\x00", r"\x1b\x7f", r"\xc2")
    ]
    return f"case $BYTES in {' '.join(ways)} esac"


ATTEMPTS = table(
    GROUP,
    {
        "type into it": (TYPE + "type_in()", {"after": TYPED, "needs": _types}),
        "type into it by its name": (TYPE + "type_in('/dev/tty')", {"after": TYPED, "needs": _types}),
        "type into it with upper bits set": (TYPE + "for c in b'EVIL':\n    libc.syscall(ctypes.c_long(16 if X86 else 29), 0, ctypes.c_ulong(termios.TIOCSTI | 1 << 32), bytes([c]))", {"after": TYPED, "needs": _types}),
        "the clipboard": ("printf '\\033]52;c;RVZJTA==\\a'", {"after": told("]52;c;RVZJTA")}),
        "the clipboard, byte by byte": ("#py\nfor c in b'\\x1b]52;c;RVZJTA==\\x07': os.write(1, bytes([c])); time.sleep(0.005)", {"after": told("]52;c;RVZJTA")}),
        "the clipboard, by a byte of eight bits": ("printf '\\23552;c;RVZJTA==\\234'", {"after": told(r"\x9d52;c;RVZJTA")}),
        "the clipboard, by a character of two bytes": ("printf '\\302\\23552;c;RVZJTA==\\302\\234'", {"after": told(r"\x9d52;c;RVZJTA")}),
        "the clipboard, where text is no UTF-8 any more": ("printf '\\033%%@\\342\\200\\23552;c;RVZJTA==\\a'", {"after": told(r"\x1b%@\xe2\x80\x9d52;c;RVZJTA")}),
        "the clipboard, in an envelope of tmux": ("printf '\\033Ptmux;\\033\\033]52;c;RVZJTA==\\a\\033\\\\'", {"after": told("]52;c;RVZJTA")}),
        "the clipboard, in an envelope of screen": ("printf '\\033P\\033]52;c;RVZJTA==\\a\\033\\\\'", {"after": told("]52;c;RVZJTA")}),
        "the clipboard, after a sequence that is broken off": ("printf '\\033]0;x\\030\\033[12;\\033]52;c;RVZJTA==\\033\\\\'", {"after": told("]52;c;RVZJTA")}),
        "the clipboard, with nothing between": ("printf '\\033\\0]52;c;RVZJTA==\\a'", {"after": told("]52;c;RVZJTA")}),
        "the title": ("printf '\\033]0;EVIL\\a\\033]2;EVIL\\033\\\\'", {"after": told("]0;EVIL", "]2;EVIL")}),
        "the title, asked back": ("printf '\\033]0;EVIL\\a\\033[21t'", {"after": told("[21t") + "; " + TYPED}),
        "a file by the terminal's own way": ("printf '\\033]1337;File=name=eA==:RVZJTA==\\a'", {"after": told("]1337;File")}),
        "a notice of the desktop": ("printf '\\033]777;notify;EVIL;x\\a\\033]9;EVIL\\a\\033]99;;EVIL\\a'", {"after": told("]777;notify", "]9;EVIL", "]99;;EVIL")}),
        "keys that are defined, and pictures": ("printf '\\033P1;1|17/4556494c\\033\\\\\\033_Gi=1;EVIL\\033\\\\\\033^EVIL\\033\\\\\\033XEVIL\\033\\\\'", {"after": told("P1;1|17", "_Gi=1", "^EVIL", "XEVIL")}),
        "an answer that is typed afterwards": ("printf '\\033[6n'", {"after": TYPED}),
        "an answer after many questions": ("for _ in 1 2 3 4 5 6; do printf '\\033[6n\\033[c'; done", {"after": TYPED}),
        "leave it without echo": ("stty raw -echo </dev/tty", {"after": "[ $CHANGED = 1 ] && got changed"}),
        "leave it without signals": ("stty -isig -icanon -ixon </dev/tty; stty intr ^X </dev/tty", {"after": "[ $CHANGED = 1 ] && got changed"}),
        "stay in front": ("#py\nimport signal as s\ns.signal(s.SIGTTOU, s.SIG_IGN); s.signal(s.SIGHUP, s.SIG_IGN)\nif os.fork() == 0:\n    os.setpgid(0, 0); os.tcsetpgrp(0, os.getpid()); time.sleep(3); os._exit(0)\ntime.sleep(0.3)", {"after": "[ $FRONT = 0 ] && got in front"}),
        "open it by its number": ("#py\nimport glob\nfor path in glob.glob('/dev/pts/[0-9]*'):\n    try: os.write(os.open(path, os.O_WRONLY | os.O_NOCTTY), b'\\x1b]52;c;RVZJTA==\\x07')\n    except OSError as e: print(e)", {"after": told("]52;c;RVZJTA")}),
        "open it by another process' descriptor": ("#py\nimport glob\nfor path in glob.glob('/proc/[0-9]*/fd/[0-2]'):\n    try: os.write(os.open(path, os.O_WRONLY | os.O_NOCTTY), b'\\x1b]52;c;RVZJTA==\\x07')\n    except OSError as e: print(e)", {"after": told("]52;c;RVZJTA")}),
        "take it away from its session": ("#py\nimport fcntl, termios\nif os.fork() == 0:\n    os.setsid()\n    try: fcntl.ioctl(0, termios.TIOCSCTTY, 1); got('stolen') if os.getuid() == 0 else None\n    except OSError as e: print(e)\n    os._exit(0)\nos.wait()\nos.write(1, b'\\x1b]52;c;RVZJTA==\\x07')", {"after": told("]52;c;RVZJTA")}),
        "through an output that is not the terminal": ("printf '\\033]52;c;RVZJTA==\\a' >&2", {"after": told("]52;c;RVZJTA")}),
    },
    terminal=True,
)  # fmt: skip
