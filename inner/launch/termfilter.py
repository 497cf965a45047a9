"""What the box may say to the user's terminal: a filter over its output, pure, bytes in and bytes out.

A terminal obeys strings that set the clipboard, the title or the working directory, fetch files, define keys or speak to the
terminal around a multiplexer. They are dropped; text, colours, cursor movement, hyperlinks, colour queries and the questions
that editors ask pass. Nothing here knows a descriptor. What has to be put back afterwards: `termleft`.

Grammar: ECMA-48 5.4 to 5.6, xterm's ctlseqs.ms. An introducer is ESC and a letter, or the C1 control in its UTF-8 form
(U+009D); a raw 0x9d may be the last byte of a quotation mark, so raw bytes are judged by strict UTF-8 (RFC 3629).
"""

from __future__ import annotations

from inner.launch.termleft import TYPES, Left

ESC = 0x1B
BETWEEN = bytes(range(0x20, 0x30))  # intermediate bytes
MODAL = frozenset((b"h", b"l", b"?h", b"?l", b"?r", b"?s"))
STRINGS = b"]P_^Xk"  # OSC DCS APC PM SOS, and the title of screen(1)
C1_STRINGS = {0x9D: "]", 0x90: "P", 0x9F: "_", 0x9E: "^", 0x98: "X"}

# ENQ makes some terminals type their name; SO and SI are to be undone; CAN and SUB mean nothing in text, but terminals that watch for a
# transfer of files (ZMODEM) begin one at them
ODD = (5, 14, 15, 24, 26)

LIMIT_OSC = 4096  # a hyperlink is at most 2083 bytes plus its id (the convention of VTE and iTerm2)
LIMIT_CLIPBOARD = 256 << 10
LIMIT_CSI = 256
LIMIT_STRING = 16 << 20  # after so many bytes an unterminated string is taken for ended

# Operating system commands that pass. 4, 10 to 19: colours, set or asked for, the answer goes to the box's own terminal.
# 104, 110 to 119: colours back to what they were. 8: hyperlink. 22: shape of the pointer. 133: marks around a prompt.
# 9;4 is a progress bar, every other 9 a notification. Not 0 1 2 (title), 7 (working directory of the next tab), 50 (font),
# 52 and 5522 (clipboard), 777 and 99 (notification), 633 and 1337 (editors: commands, files), 5113 (file transfer).
OSC_PASSES = frozenset((4, 8, 10, 11, 12, 13, 14, 17, 19, 22, 104, 110, 111, 112, 113, 114, 117, 119, 133))
OSC_CLIPBOARD = frozenset((52,))
# Device control strings that pass: what is the setting ($q), what does terminfo say (+q), begin and end of an update (=1s, =2s).
# Not `|` (programmable keys), `tmux;` (speaks past the filter to the outer terminal), q (pictures), $t, !z.
DCS_PASSES = (b"$q", b"+q", b"=1s", b"=2s")

# Sequences that pass, by their private prefix, intermediate bytes and final; whatever is not here is nobody's or does harm. Not `i` (printer),
# `]` (consoles of Linux: another console, the screen off), `q` (lamps of the keyboard), `#P`, `*y`, `$w`, `'|`, `&u` (questions about what is shown).
CSI_PASSES = frozenset(
    (
        *(bytes((final,)) for final in b"@ABCDEFGHIJKLMPSTXZ`abcdefghlmnrstux"),
        *(b"?" + bytes((final,)) for final in b"JKSWchlmnrsu"), b"?$p",
        b">c", b">m", b">q", b">u", b"<u", b"=c", b"=u",
        b" q", b"!p", b"$p", b"$r", b"$t", b"$v", b"$x", b"$z", b"${", b"*x", b"#{", b"#}", b"#p", b"#q",
    )
)  # fmt: skip
ASK = frozenset((b"n", b"?n", b"c", b"?c", b">c", b"=c", b"x", b"$p", b"?$p", b"?u", b"?m", b"?S", b">q"))
# ESC and a letter: cursor saved and restored, lines, tabs, keypad, reset, single and locking shifts, "who are you". Not `G` (rxvt answers with a
# newline), `` ` `` (keyboard off), ESC SP (answers and keys in bytes that are no UTF-8).
ESCAPES = b"78=>cDEHMNOnoZ69"
DESIGNATES = b"()*+#"  # character sets, and the size of a line
# Modes of ECMA-48 7.2 that pass: inserting, local echo, newline, and a cursor of rxvt. Among the others are the keyboard locked and controls shown.
ANSI_MODES = frozenset((4, 12, 20, 34))
# Private modes that do not: another language of sequences (2, 38), a width that resizes the window (3, 40), a log that is written (46), and
# whether the other screen can be left (1046).
MODES_REFUSED = frozenset((2, 3, 38, 40, 46, 1046))
LINKS = (b"http:", b"https:", b"mailto:", b"file:", b"ftp:")  # other schemes start programs with words of the box's


class TermFilter:
    """One stream of terminal output. `feed` as the bytes come, `finish` once: it returns what puts the terminal back."""

    def __init__(self, *, clipboard: bool = False, questions: bool = True) -> None:
        self.clipboard = clipboard
        self.questions = questions  # False where nobody would read the answers: then nothing that makes a terminal type passes
        self.asked = 0  # questions that the terminal answers by "typing"
        self._hold = b""  # an unfinished sequence or character
        self._skipped = -1  # bytes dropped of the string we are in; -1: in none
        self._left = Left()

    def feed(self, data: bytes) -> bytes:
        """What of `data`, and of what was held back before, may be shown now."""
        if self._hold:
            data, self._hold = self._hold + data, b""
        elif self._skipped < 0 and ESC not in data and data.isascii() and not any(byte in data for byte in ODD):
            return data
        out: list[bytes] = []
        at, end = 0, len(data)
        while at < end:
            if self._skipped >= 0:
                at = self._skip(data, at)
                continue
            here = data.find(b"\x1b", at)
            stop = end if here < 0 else here
            at, wait = self._text(data, at, stop, out)
            if wait:
                if here < 0:
                    self._hold = data[at:]
                    break
                at = here  # a character cut short by ESC is dropped
            if at >= end:
                break
            if data[at] != ESC and data[at] != 0xC2:
                continue
            after = self._sequence(data, at, out)
            if after < 0:
                self._hold = data[at:]
                break
            at = after
        return b"".join(out)

    def finish(self) -> bytes:
        """Drops what is unfinished; returns the sequences that undo what the program left behind, b"" for a tidy program."""
        self._hold, self._skipped = b"", -1
        return self._left.undo()

    def types(self) -> bool:
        """True while the terminal may type by itself: it was asked something, or a mode reports mouse, focus or paste."""
        return self.asked > 0 or self._left.types()

    def screen(self) -> bool:
        """True while a program uses the other screen, or is in the middle of a sequence."""
        return bool(self._hold) or self._skipped >= 0 or self._left.other_screen()

    # --- text -------------------------------------------------------------------------------------------------------------

    def _text(self, data: bytes, at: int, stop: int, out: list[bytes]) -> tuple[int, bool]:
        """Passes text from `at` to `stop`. Returns where it ended (`stop`, or at a C1 control), and whether what is there is
        the beginning of a character that has not arrived. Bytes that are no UTF-8 pass for what they are, except those that
        an 8-bit terminal takes for controls and those that could join with what follows."""
        while at < stop:
            good = _valid(data, at, stop)
            control = _control(data, at, good)
            if control > at:
                out.append(self._shift(data[at:control]))
                at = control
            if control < good:
                return at, False
            if at < stop and data[at] >= 0x80 and _valid(data, at, stop) == at:
                if stop - at < 4 and _prefix(data[at:stop]):
                    return at, True
                if 0xA0 <= data[at] < 0xC2 or data[at] > 0xF4:
                    out.append(data[at : at + 1])
                at += 1
        return at, False

    def _shift(self, text: bytes) -> bytes:
        if 14 in text or 15 in text:  # SO, SI: another character set
            self._left.note("shift", text.rfind(b"\x0e") > text.rfind(b"\x0f"), b"\x0f")
        return text.translate(None, b"\x05\x18\x1a")

    # --- sequences --------------------------------------------------------------------------------------------------------

    def _sequence(self, data: bytes, at: int, out: list[bytes]) -> int:
        """The sequence that begins at `at`. Returns where it ends, or -1 when it is not complete yet."""
        if at + 1 >= len(data):
            return -1
        second = data[at + 1]
        if data[at] == 0xC2:  # C1 in UTF-8: a string is a string, CSI is rewritten, the others are of no use to anybody
            if second == 0x9B:
                return self._csi(data, at + 2, out)
            if second in C1_STRINGS:
                return self._string(data, at + 2, C1_STRINGS[second], out)
            return at + 2
        if second in STRINGS:
            return self._string(data, at + 2, chr(second), out)
        if second == 0x5B:
            return self._csi(data, at + 2, out)
        end = at + 1
        while end < len(data) and 0x20 <= data[end] <= 0x2F:  # intermediates: ESC ( B
            end += 1
        if end >= len(data):
            return -1 if end - at < 8 else end
        if not 0x30 <= data[end] <= 0x7E:
            return at + 1  # ESC cancelled by another control: never shown alone, or it would join with what follows
        # No string terminator without a string; and not ESC %, after which a terminal no longer takes text for UTF-8 (ISO 2022 15.4.2),
        # so that the last byte of a quotation mark is the introducer of a string
        body = data[at + 1 : end + 1]
        question = body == b"Z"
        if (body in ESCAPES or (len(body) == 2 and body[0] in DESIGNATES)) and (self.questions or not question):
            self.asked += question
            self._left.escape(body)
            out.append(b"\x1b" + body)
        return end + 1

    def _csi(self, data: bytes, start: int, out: list[bytes]) -> int:
        end = start
        while end < len(data) and 0x20 <= data[end] <= 0x3F:
            end += 1
            if end - start > LIMIT_CSI:
                return end  # nobody's sequence: what is left of it shows as text
        if end >= len(data):
            return -1
        final = data[end]
        if not 0x40 <= final <= 0x7E:
            return end  # cancelled by a control or a C1: never shown in part
        body = data[start:end]
        if final == 0x6D and not body.strip(b"0123456789;:"):  # colours: most of all there is
            self._left.style(body)
            out.append(b"\x1b[" + body + b"m")
        else:
            out.append(self._csi_shown(body, final))
        return end + 1

    def _csi_shown(self, body: bytes, final: int) -> bytes:
        """What is shown for CSI `body` `final`. Numbers are written as everybody reads them, and modes one by one: a terminal takes `02`
        for 2, and forgets the seventeenth."""
        private = body[:1] if body[:1] in {b"?", b">", b"<", b"="} else b""
        digits = body[len(private) :].rstrip(BETWEEN)
        between = body[len(private) + len(digits) :]
        name = private + between + bytes((final,))
        if name not in CSI_PASSES or digits.strip(b"0123456789;"):
            return b""
        numbers = [min(int(part), 99999) if part else -1 for part in digits.split(b";")]
        asks = name in ASK or (name == b"t" and 11 <= numbers[0] <= 19)
        if (asks and not self.questions) or (name == b"t" and not (11 <= numbers[0] <= 19 or numbers[0] in {22, 23})):
            return b""
        self.asked += asks
        if name in MODAL:
            refused = MODES_REFUSED if self.questions or final == 0x6C else MODES_REFUSED | TYPES
            allowed = [n for n in numbers if (n >= 0 and n not in refused if private else n in ANSI_MODES)]
            return b"".join(self._left.mode(private, n, final) for n in allowed)
        digits = b";".join(b"%d" % n if n >= 0 else b"" for n in numbers)
        self._left.sequence(name, digits, numbers)
        return b"\x1b[" + private + digits + between + bytes((final,))

    # --- strings ----------------------------------------------------------------------------------------------------------

    def _string(self, data: bytes, start: int, kind: str, out: list[bytes]) -> int:
        """An OSC or DCS that may pass is held until it is complete; every other string is dropped as it comes."""
        limit = LIMIT_CLIPBOARD if self.clipboard and kind == "]" else LIMIT_OSC if kind in "]P" else 0
        stop, after = _terminator(data, start)
        if stop < 0 and limit and len(data) - start <= limit and _may_pass(kind, data[start : start + 8], self.clipboard):
            return -1
        if stop >= 0 and after < 0:  # ESC or C2 is the last byte: ST, or the beginning of something else
            return -1
        if stop < 0:
            self._skipped = 0
            return start
        body = data[start:stop]
        before = self.asked
        if after > stop and len(body) <= limit and self._string_passes(kind, body) and (self.questions or self.asked == before):
            out.append(b"\x1b" + kind.encode() + body + (b"\x07" if data[stop] == 0x07 else b"\x1b\\"))
        return after

    def _string_passes(self, kind: str, body: bytes) -> bool:
        if any(byte < 0x20 or byte == 0x7F for byte in body) or not _clean(body):
            return False
        if kind == "P":
            if body.startswith((b"$q", b"+q")):
                self.asked += 1
            return body.startswith(DCS_PASSES)
        if kind != "]":
            return False
        code, _, rest = body.partition(b";")
        number = int(code) if code.isdigit() and len(code) < 6 else -1
        if number in OSC_CLIPBOARD:
            return self.clipboard and not rest.rpartition(b";")[2].startswith(b"?")  # to copy is allowed, to read never
        if number == 9 and rest != b"4" and not rest.startswith(b"4;"):
            return False
        if number in OSC_PASSES or number == 9:
            if number != 8 and b"?" in rest:
                self.asked += 1
            if number == 8:
                link = rest.partition(b";")[2]
                if link and not link.lower().startswith(LINKS):
                    return False
            self._left.command(number, rest)
            return True
        return False

    def _skip(self, data: bytes, at: int) -> int:
        """Drops the string we are in. Returns where it ends, or the end of `data`."""
        stop, after = _terminator(data, at)
        if stop >= 0 and after < 0:
            self._hold = data[stop:]  # ESC or C2: decided with the next byte
            return len(data)
        self._skipped += (len(data) if stop < 0 else after) - at
        if stop >= 0 or self._skipped > LIMIT_STRING:
            self._skipped = -1
        return len(data) if stop < 0 else after


def _terminator(data: bytes, start: int) -> tuple[int, int]:
    """Where a string's body stops and where the string is over: BEL, ESC backslash, U+009C; CAN, SUB or another ESC cancel it
    (then the end is the stop, and what cancelled is looked at again). (-1, -1): not there. (stop, -1): ESC or C2 came last."""
    stop, after = -1, -1
    for byte, size in ((b"\x07", 1), (b"\x18", 0), (b"\x1a", 0), (b"\xc2\x9c", 2)):
        found = data.find(byte, start, len(data) if stop < 0 else stop)
        if found >= 0:
            stop, after = found, found + size
    found = data.find(b"\x1b", start, len(data) if stop < 0 else stop)
    if found >= 0:
        if found + 1 >= len(data):
            return found, -1
        return found, found + 2 if data[found + 1] == 0x5C else found
    if stop < 0 and data[-1:] == b"\xc2" and len(data) > start:
        return len(data) - 1, -1
    return stop, after


def _may_pass(kind: str, head: bytes, clipboard: bool) -> bool:
    """False as soon as the beginning of an unfinished string shows that it will be dropped."""
    if kind == "P":
        return any(want.startswith(head[: len(want)]) for want in DCS_PASSES)
    code, separator, rest = head.partition(b";")
    if not separator:
        return len(code) < 6 and (code == b"" or code.isdigit())
    number = int(code) if code.isdigit() else -1
    return number in OSC_PASSES or (number == 9 and rest[:1] in {b"", b"4"}) or (clipboard and number in OSC_CLIPBOARD)


def _valid(data: bytes, at: int, stop: int) -> int:
    """Where the longest run of strict UTF-8 from `at` ends. By windows: a binary file must not cost the square of its size."""
    while at < stop:
        window = data[at : min(at + 512, stop)]
        try:
            window.decode()
        except UnicodeDecodeError as error:
            at += error.start
            if error.start == 0 or error.reason != "unexpected end of data":
                return at
        else:
            at += len(window)
    return at


def _control(data: bytes, at: int, stop: int) -> int:
    """Where the first C1 control in UTF-8 form is, or `stop`. The text is valid, so every C2 is a first byte."""
    found = data.find(b"\xc2", at, stop)
    while found >= 0:
        if data[found + 1] < 0xA0:
            return found
        found = data.find(b"\xc2", found + 2, stop)
    return stop


def _clean(body: bytes) -> bool:
    """Valid UTF-8 without C1 controls, in either form."""
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return False
    return not any("\x80" <= char <= "\x9f" for char in text)


def _prefix(part: bytes) -> bool:
    """True when `part` can still become a character (RFC 3629 table: no overlong form, no surrogate)."""
    try:
        part.decode()
    except UnicodeDecodeError as error:
        return error.start == 0 and error.end == len(part) and error.reason == "unexpected end of data"
    return False
