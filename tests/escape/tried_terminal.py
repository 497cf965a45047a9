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


def left(begin: str, end: str) -> str:
    """The terminal was told `begin`, and not `end` after it."""
    return f"case $BYTES in *'{begin}'*'{end}'*) ;; *'{begin}'*) got left ;; esac"


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
        "a file by the terminal's own way": ("printf '\\033]1337;File=name=eA==:RVZJTA==\\a**\\030B00000000000000\\r'", {"after": told("]1337;File") + "; case $BYTES in *'**\\x18B0'*) got a transfer ;; esac"}),
        "a notice of the desktop": ("printf '\\033]777;notify;EVIL;x\\a\\033]9;EVIL\\a\\033]99;;EVIL\\a'", {"after": told("]777;notify", "]9;EVIL", "]99;;EVIL")}),
        "keys that are defined, and pictures": ("printf '\\033P1;1|17/4556494c\\033\\\\\\033_Gi=1;EVIL\\033\\\\\\033^EVIL\\033\\\\\\033XEVIL\\033\\\\'", {"after": told("P1;1|17", "_Gi=1", "^EVIL", "XEVIL")}),
        "an answer that is typed afterwards": ("printf '\\033[6n'", {"after": TYPED}),
        "an answer after many questions": ("for _ in 1 2 3 4 5 6; do printf '\\033[6n\\033[c'; done", {"after": TYPED}),
        "an answer about a colour among colours that are set": ("printf '\\033]4;1;?;2;red\\a\\033]4;3;blue;4;?;5;red\\a'", {"after": TYPED}),
        "an answer about its version": ("printf '\\033[>q'", {"after": TYPED}),
        "an answer about its parameters": ("printf '\\033[x'", {"after": TYPED}),
        "an answer about its keys": ("printf '\\033[?4m'", {"after": TYPED}),
        "an answer about pictures": ("printf '\\033[?2S'", {"after": TYPED}),
        "an answer about what is on it": ("printf '\\033[1;1;1;1;1;1*y'", {"after": TYPED}),
        "an answer about the cursor, and about colours": ("printf '\\033[1$w\\033[#R'", {"after": TYPED}),
        "its name": ("printf '\\005\\033GQ'", {"after": TYPED + "; " + told("GQ")}),
        "answers, where no program reads any": ("printf '\\033[>q\\033[x\\033[6n\\033[c\\033]4;1;?;2;red\\a\\005'", {"after": TYPED, "words": ("--no-interactive",)}),
        "the clipboard and the title, without a terminal of its own": ("printf '\\033]52;c;RVZJTA==\\a\\033]0;EVIL\\a'", {"after": told("]52;c;RVZJTA", "]0;EVIL"), "words": ("--no-interactive",)}),
        "the printer": ("printf '\\033[5i\\033[?5iEVIL\\033[4i'", {"after": told("[5i", "[?5i")}),
        "the keyboard, locked": ("printf '\\033[2h\\033[4;2h\\033[02h\\033[2:1h\\033`'", {"after": told("[2h", "[4;2h", "[02h", "[2:1h", "`")}),
        "a link that starts a program": ("printf '\\033]8;;ssh://-oProxyCommand=EVIL/x\\aclick\\033]8;;\\a'", {"after": told("]8;;ssh")}),
        "a link of an editor's, and of a manual's": ("printf '\\033]8;id=1;VSCode://x.y/EVIL\\aclick\\033]8;;\\a\\033]8;;x-man-page://EVIL\\a'", {"after": told("]8;id=1;VSCode", "]8;;x-man")}),
        "the folder of the next window": ("printf '\\033]7;file:///EVIL\\a\\033]1337;CurrentDir=/EVIL\\a'", {"after": told("]7;file", "]1337;C")}),
        "another window, or its size": ("printf '\\033[8;1;1t\\033[2t\\033[9;1t\\033[?40h\\033[?3h\\033[?38h\\033[12;1]'", {"after": told("[8;1;1t", "[2t", "[9;1t", "[?3h", "[?38h", "[12;1]")}),
        "leave the mouse reported": ("printf '\\033[?1000h\\033[?0001003h\\033[?1002:1h'", {"after": "; ".join((left("[?1000h", "[?1000l"), left("[?0001003h", "[?1003l"), left("[?1002:1h", "[?1002l")))}),
        "leave the mouse reported, by a mode that was saved": ("printf '\\033[?1003h\\033[?1003s\\033[?1003l\\033[?1003r'", {"after": left("[?1003r", "[?1003l")}),
        "leave pasted text marked": ("printf '\\033[?2004h'", {"after": left("[?2004h", "[?2004l")}),
        "leave every key as Windows has it": ("printf '\\033[?9001h'", {"after": left("[?9001h", "[?9001l")}),
        "leave keys in another encoding": ("printf '\\033[>1u\\033[>1u\\033[?1049h\\033[<2u\\033[?1049l'", {"after": left("[?1049l", "[<2u")}),
        "leave keys in another encoding, set at once": ("printf '\\033[=1u'", {"after": left("[=1u", "[=0u")}),
        "leave keys in another encoding, as xterm has it": ("printf '\\033[>4;2m\\033[>1;2m'", {"after": left("[>4;2m", "[>4m") + "; " + left("[>1;2m", "[>1m")}),
        "leave another character set": ("printf '\\033[?2l\\033 G\\033(0\\0337\\033(B\\0338'", {"after": "; ".join((told("[?2l", " G"), left("\\x1b8", "\\x1b(B")))}),
        "leave another character set, the third": ("printf '\\033*0\\033n'", {"after": left("\\x1bn", "\\x0f")}),
        "leave it inserting, and with its own echo": ("printf '\\033[4h\\033[12l'", {"after": left("[4h", "[4l") + "; " + left("[12l", "[12h")}),
        "leave it invisible": ("printf '\\033[?25l\\033[8m\\033]10;#000000\\a\\033[?1049h'", {"after": "; ".join((left("[?25l", "[?25h"), left("[8m", "[0m"), left("]10;#000000", "]110"), left("[?1049h", "[?1049l")))}),
        "leave it without echo": ("stty raw -echo </dev/tty", {"after": "[ $CHANGED = 1 ] && got changed"}),
        "leave it without signals": ("stty -isig -icanon -ixon </dev/tty; stty intr ^X </dev/tty", {"after": "[ $CHANGED = 1 ] && got changed"}),
        "stay in front": ("#py\nimport signal as s\ns.signal(s.SIGTTOU, s.SIG_IGN); s.signal(s.SIGHUP, s.SIG_IGN)\nif os.fork() == 0:\n    os.setpgid(0, 0); os.tcsetpgrp(0, os.getpid()); time.sleep(3); os._exit(0)\ntime.sleep(0.3)", {"after": "[ $FRONT = 0 ] && got in front"}),
        "open it by its number": ("#py\ntry: os.write(os.open(E['TTY'], os.O_WRONLY | os.O_NOCTTY), b'\\x1b]52;c;RVZJTA==\\x07')\nexcept OSError as e: print(e)", {"after": told("]52;c;RVZJTA")}),
        "open it by another process' descriptor": ("#py\nimport glob\nfor path in glob.glob('/proc/[0-9]*/fd/[0-2]'):\n    try:\n        if os.readlink(path) == E['TTY']: os.write(os.open(path, os.O_WRONLY | os.O_NOCTTY), b'\\x1b]52;c;RVZJTA==\\x07')\n    except OSError as e: print(e)", {"after": told("]52;c;RVZJTA")}),
        "take it away from its session": ("#py\nimport fcntl, termios\nif os.fork() == 0:\n    os.setsid()\n    try: fcntl.ioctl(0, termios.TIOCSCTTY, 1); got('stolen') if os.getuid() == 0 else None\n    except OSError as e: print(e)\n    os._exit(0)\nos.wait()\nos.write(1, b'\\x1b]52;c;RVZJTA==\\x07')", {"after": told("]52;c;RVZJTA")}),
        "through an output that is not the terminal": ("printf '\\033]52;c;RVZJTA==\\a' >&2", {"after": told("]52;c;RVZJTA")}),
    },
    terminal=True,
)  # fmt: skip
