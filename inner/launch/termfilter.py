"""What the box may say to the user's terminal: a filter over its output, pure, bytes in and bytes out.

A terminal obeys strings that set the clipboard, the title or the working directory, fetch files, define keys or speak to the
terminal around a multiplexer. They are dropped; text, colours, cursor movement, hyperlinks, colour queries and the questions
that editors ask pass. Nothing here knows a descriptor. What passes and why: docs/explanation/terminal.

Grammar: ECMA-48 5.4 to 5.6, xterm's ctlseqs.ms. An introducer is ESC and a letter, or the C1 control in its UTF-8 form
(U+009D); a raw 0x9d may be the last byte of a quotation mark, so raw bytes are judged by strict UTF-8 (RFC 3629).
"""

from __future__ import annotations

ESC = 0x1B
STRINGS = b"]P_^Xk"  # OSC DCS APC PM SOS, and the title of screen(1)
C1_STRINGS = {0x9D: "]", 0x90: "P", 0x9F: "_", 0x9E: "^", 0x98: "X"}

ODD = (5, 14, 15)  # ENQ makes some terminals type their name; SO and SI are to be undone

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

DEFAULT_ON = frozenset((7, 25, 8452, 1034))  # private modes that are set in a terminal at rest
# modes in which a terminal types by itself: mouse, focus, paste, colour scheme, size, every key as Windows has it
TYPES = frozenset((9, 1000, 1001, 1002, 1003, 1004, 1005, 1006, 1007, 1015, 1016, 2004, 2031, 2048, 5522, 9001))
SCREENS = frozenset((47, 1047, 1049))
# Modes of ECMA-48 7.2 and what puts them back: inserting, no local echo, newline. 2 locks the keyboard, and does not pass.
ANSI_MODES = {4: (False, b"\x1b[4l"), 12: (True, b"\x1b[12h"), 20: (False, b"\x1b[20l")}
# With intermediate bytes only what editors use passes: shape of the cursor, soft reset, the question for a mode, rectangles, the stack
# of styles. Among the others are many more questions (checksums, locator, extent, palette).
INTERMEDIATE = frozenset((b" q", b"!p", b"$p", b"$r", b"$t", b"$v", b"$x", b"$z", b"${", b"*x", b"#{", b"#}", b"#p", b"#q"))
ASK = frozenset((b"n", b"c", b"x", b"$p", b"?u", b"?m", b"?S", b">q"))  # what is not private asks with every prefix
LINKS = (b"http:", b"https:", b"mailto:", b"file:", b"ftp:")  # other schemes start programs with words of the box's


class TermFilter:
    """One stream of terminal output. `feed` as the bytes come, `finish` once: it returns what puts the terminal back."""

    def __init__(self, *, clipboard: bool = False, questions: bool = True) -> None:
        self.clipboard = clipboard
        self.questions = questions  # False where nobody would read the answers: then nothing that makes a terminal type passes
        self.asked = 0  # questions that the terminal answers by "typing"
        self._hold = b""  # an unfinished sequence or character
        self._skipped = -1  # bytes dropped of the string we are in; -1: in none
        self._modes: dict[int, bool] = {}
        self._kitty = 0
        self._dirty: dict[str, bytes] = {}

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
        back: list[bytes] = []
        for mode, on in self._modes.items():
            if on != (mode in DEFAULT_ON) and mode not in SCREENS:
                back.append(b"\x1b[?%d%c" % (mode, 0x6C if on else 0x68))
        if self._kitty > 0:  # the stack belongs to the screen: before leaving it
            back.append(b"\x1b[<%du" % self._kitty)
        back.extend(b"\x1b[?%dl" % mode for mode in SCREENS if self._modes.get(mode))
        back.extend(self._dirty.values())
        self._reset()
        return b"".join(back)

    def types(self) -> bool:
        """True while the terminal may type by itself: it was asked something, or a mode reports mouse, focus or paste."""
        return self.asked > 0 or any(self._modes.get(mode) for mode in TYPES)

    def screen(self) -> bool:
        """True while a program uses the other screen, or is in the middle of a sequence."""
        return bool(self._hold) or self._skipped >= 0 or any(self._modes.get(mode) for mode in SCREENS)

    def _reset(self) -> None:
        self._modes.clear()
        self._dirty.clear()
        self._kitty = 0

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
            self._note("shift", text.rfind(b"\x0e") > text.rfind(b"\x0f"), b"\x0f")
        return text.replace(b"\x05", b"")

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
        before = self.asked
        self._escape(data[at + 1 : end + 1])
        # Not a string terminator without a string; and not ESC %, after which a terminal no longer takes text for UTF-8 (ISO 2022 15.4.2),
        # so that the last byte of a quotation mark is the introducer of a string
        if data[end] != 0x5C and data[at + 1] != 0x25 and (self.questions or self.asked == before):
            out.append(data[at : end + 1])
        return end + 1

    def _escape(self, body: bytes) -> None:
        if body == b"c":
            self._reset()
        elif body in {b"=", b">"}:
            self._note("keypad", body == b"=", b"\x1b>")
        elif body in {b"n", b"o"}:  # LS2, LS3: character sets as well
            self._note("shift", True, b"\x0f")
        elif body == b"Z":
            self.asked += 1
        elif body[:1] == b"(":
            self._note("charset", body != b"(B", b"\x1b(B")

    def _note(self, name: str, dirty: bool, undo: bytes) -> None:
        if dirty:
            self._dirty[name] = undo
        else:
            self._dirty.pop(name, None)

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
        before = self.asked
        if self._csi_passes(data[start:end], final) and (self.questions or self.asked == before):
            out.append(b"\x1b[" + data[start : end + 1])
        return end + 1

    def _csi_passes(self, body: bytes, final: int) -> bool:
        private = body[:1] if body[:1] in {b"?", b">", b"<", b"="} else b""
        digits = body[len(private) :]
        if final == 0x69:  # i: media copy, sends the screen or all that follows to a printer
            return False
        if final == 0x74 and not private:  # t: of the window operations only sizes (14 to 19) and the stack of titles (22, 23)
            number = _number(digits)
            if 11 <= number <= 19:
                self.asked += 1
            return 11 <= number <= 19 or number in {22, 23}
        between = bytes(byte for byte in digits if byte < 0x30)
        asked = between + bytes((final,))
        if between and (asked not in INTERMEDIATE or not digits.endswith(between)):
            return False
        if asked in ASK or private + asked in ASK:
            self.asked += 1
        elif final in {0x68, 0x6C} and not private:
            for part in digits.split(b";"):
                if part == b"2":
                    return False
                rest, back = ANSI_MODES.get(_number(part), (False, b""))
                if back:
                    self._note(f"mode {part!r}", (final == 0x68) != rest, back)
        elif final == 0x72 and private == b"?":  # as they were saved, in whatever state that was
            for part in digits.split(b";"):
                if part.isdigit() and len(part) < 6:
                    if int(part) in TYPES and not self.questions:
                        return False
                    self._modes[int(part)] = int(part) not in DEFAULT_ON
        elif final in {0x68, 0x6C} and private == b"?":
            for part in digits.split(b";"):
                if part.isdigit() and len(part) < 6:
                    if int(part) in TYPES and final == 0x68 and not self.questions:
                        return False
                    self._modes[int(part)] = final == 0x68
        elif final == 0x6D and not private:
            self._note("style", _styled(digits, "style" in self._dirty), b"\x1b[0m")
        elif final == 0x6D and private == b">":
            self._note("keys", digits.startswith(b"4;") and digits != b"4;0", b"\x1b[>4m")
        elif final == 0x71 and digits.endswith(b" "):
            self._note("cursor", digits not in {b" ", b"0 "}, b"\x1b[0 q")
        elif final == 0x72 and not private:  # the cursor goes home when the region changes: save and restore it
            self._note("region", digits not in {b"", b";"}, b"\x1b7\x1b[r\x1b8")
        elif final == 0x75 and private in {b">", b"<"}:
            self._kitty = max(0, self._kitty + (1 if private == b">" else -max(1, _number(digits))))
        elif final == 0x75 and private == b"=":
            self._note("kitty", True, b"\x1b[=0u")
        elif final == 0x70 and digits == b"!":
            for name in ("style", "charset", "region", "keypad"):
                self._dirty.pop(name, None)
        return True

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
        if number == 9:
            return rest == b"4" or rest.startswith(b"4;")
        if number in OSC_PASSES:
            if number != 8 and any(part.startswith(b"?") for part in rest.split(b";")):
                self.asked += 1
            if rest == b"?":
                pass
            elif 10 <= number <= 19:
                self._dirty[f"colour{number}"] = b"\x1b]%d\x1b\\" % (number + 100)
            elif number == 4:
                self._dirty["palette"] = b"\x1b]104\x1b\\"
            elif number == 8:
                link = rest.partition(b";")[2]
                if link and not link.lower().startswith(LINKS):
                    return False
                self._note("link", link != b"", b"\x1b]8;;\x1b\\")
            elif number in {104, 110, 111, 112, 113, 114, 117, 119}:
                self._dirty.pop("palette" if number == 104 else f"colour{number - 100}", None)
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


def _number(digits: bytes) -> int:
    first = digits.partition(b";")[0]
    return int(first) if first.isdigit() and len(first) < 6 else 0


def _styled(digits: bytes, before: bool) -> bool:
    """Whether colours or attributes are on after `SGR digits`."""
    styled = before
    for part in digits.split(b";"):
        styled = part not in {b"", b"0"}
    return styled
