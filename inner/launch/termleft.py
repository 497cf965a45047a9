"""What a program has left the user's terminal as, and the sequences that put it back: pure, told of every sequence that was shown.

A terminal at rest is what a shell expects: the first screen, no styles, the first character set, keys and mouse unreported. Sources:
xterm's ctlseqs.ms, ECMA-48 7.2, kitty's keyboard protocol, console_codes(4).
"""

from __future__ import annotations

DEFAULT_ON = frozenset((7, 8, 25, 1034, 1035, 8452))  # private modes that are set in a terminal at rest
# modes in which a terminal types by itself: mouse, focus, paste, colour scheme, size, every key as Windows has it
TYPES = frozenset((9, 1000, 1001, 1002, 1003, 1004, 1005, 1006, 1007, 1015, 1016, 2004, 2031, 2048, 5522, 9001))
SCREENS = frozenset((47, 1047, 1049))
SAVES = frozenset((1048, 1049))  # modes that save the cursor as well, and restore it
SAVED = frozenset(("style", "charset", "shift"))  # what is saved with the cursor
ANSI_REST = {4: (False, b"\x1b[4l"), 12: (True, b"\x1b[12h"), 20: (False, b"\x1b[20l")}
SOFT = ("style", "charset", "region", "keypad")  # what a soft reset puts back


class Left:
    """One terminal. Every method is told what is shown; `undo` returns what puts all of it back, and forgets it."""

    def __init__(self) -> None:
        self._modes: dict[int, bool] = {}
        self._keys = [0, 0]  # encodings of keys pushed on the stack of each screen (kitty)
        self._dirty: dict[str, bytes] = {}
        self._saved: dict[str, bytes] = {}

    def undo(self) -> bytes:
        back = [
            b"\x1b[?%d%c" % (mode, 0x6C if on else 0x68)
            for mode, on in self._modes.items()
            if on != (mode in DEFAULT_ON) and mode not in SCREENS
        ]
        if self.other_screen():
            back.append(self._leave())
            back.extend(b"\x1b[?%dl" % mode for mode in SCREENS if self._modes.get(mode))
            self._dirty.update(self._saved)
        if self._keys[0]:
            back.append(b"\x1b[<%du" % self._keys[0])
        back.extend(self._dirty.values())
        self.__init__()  # type: ignore[misc]
        return b"".join(back)

    def types(self) -> bool:
        return any(self._modes.get(mode) for mode in TYPES)

    def other_screen(self) -> bool:
        return any(self._modes.get(mode) for mode in SCREENS)

    def note(self, name: str, dirty: bool, undo: bytes) -> None:
        """Something that `undo` puts back is out of its place, or is back there."""
        if dirty:
            self._dirty[name] = undo
        else:
            self._dirty.pop(name, None)

    def style(self, digits: bytes) -> None:
        """SGR: colours and attributes are off only after 0 alone; `38;5;0` ends in one, too."""
        self.note("style", bool(digits.strip(b"0;")), b"\x1b[0m")

    def escape(self, body: bytes) -> None:
        """ESC `body`."""
        if body == b"c":
            self.__init__()  # type: ignore[misc]
        elif body == b"7":
            self._save()
        elif body == b"8":
            self._dirty.update(self._saved)
        elif body in {b"=", b">"}:
            self.note("keypad", body == b"=", b"\x1b>")
        elif body in {b"n", b"o"}:  # LS2, LS3: character sets as well
            self.note("shift", True, b"\x0f")
        elif body == b"H":
            self.note("tabs", True, b"\x1b[?5W")
        elif body[:1] == b"(":
            self.note("charset", body != b"(B", b"\x1b(B")

    def mode(self, private: bytes, number: int, final: int) -> bytes:
        """The sequence for one mode that is set, reset, saved (`s`) or restored (`r`, in whatever state that was)."""
        shown = b"\x1b[%s%d%c" % (private, number, final)
        if not private:
            rest, back = ANSI_REST.get(number, (final == 0x68, b""))
            self.note(f"mode {number}", (final == 0x68) != rest, back)
        elif final == 0x73:
            pass
        else:
            on = final == 0x68 or (final == 0x72 and number not in DEFAULT_ON)
            if number in SAVES and on:
                self._save()
            if number in SCREENS and not on and self.other_screen():  # the stack of keys is the screen's: before it is left
                shown = self._leave() + shown
            if number != 1048:
                self._modes[number] = on
            if number in SAVES and final != 0x68:
                self._dirty.update(self._saved)
        return shown

    def sequence(self, name: bytes, digits: bytes, numbers: list[int]) -> None:
        """Any other CSI: its prefix, intermediates and final, and what is between."""
        if name == b">m":
            keys = max(numbers[0], 0)
            for one in (keys,) if digits else range(8):
                self.note(f"keys {one}", len(numbers) > 1 and (one != 4 or numbers[1] > 0), b"\x1b[>%dm" % one)
        elif name == b" q":
            self.note("cursor", numbers[0] > 0, b"\x1b[0 q")
        elif name == b"r":  # the cursor goes home when the region changes: save and restore it
            self.note("region", digits not in {b"", b";"}, b"\x1b7\x1b[r\x1b8")
        elif name == b"g":
            self.note("tabs", True, b"\x1b[?5W")
        elif name == b"s":
            self._save()
        elif name == b"u":
            self._dirty.update(self._saved)
        elif name in {b">u", b"<u"}:
            here = self.other_screen()
            self._keys[here] = max(0, self._keys[here] + (1 if name == b">u" else -max(1, numbers[0])))
        elif name == b"=u":
            self.note(f"encoding {self.other_screen():d}", True, b"\x1b[=0u")
        elif name == b"!p":
            for what in SOFT:
                self._dirty.pop(what, None)

    def command(self, number: int, rest: bytes) -> None:
        """OSC `number`; `rest`."""
        if number == 4:
            self.note("palette", rest.count(b"?") * 2 < rest.count(b";") + 1 or "palette" in self._dirty, b"\x1b]104\x1b\\")
        elif number == 8:
            self.note("link", rest.partition(b";")[2] != b"", b"\x1b]8;;\x1b\\")
        elif number == 9:
            self.note("progress", rest[2:3] not in {b"", b"0"}, b"\x1b]9;4;0\x1b\\")
        elif number == 22:
            self.note("pointer", rest != b"" and not rest.startswith(b"?"), b"\x1b]22;\x1b\\")
        elif 10 <= number <= 19:  # one command sets several, one after the other
            for at, colour in enumerate(rest.split(b";")):
                if colour != b"?":
                    self.note(f"colour {number + at}", True, b"\x1b]%d\x1b\\" % (number + at + 100))
        elif number == 104 and not rest:
            self.note("palette", False, b"")
        elif 110 <= number <= 119:
            self.note(f"colour {number - 100}", False, b"")

    def _save(self) -> None:
        self._saved |= {name: undo for name, undo in self._dirty.items() if name in SAVED}

    def _leave(self) -> bytes:
        """What empties the stack of keys of the other screen."""
        back = b"\x1b[<%du" % self._keys[1] if self._keys[1] else b""
        if self._dirty.pop("encoding 1", b""):
            back += b"\x1b[=0u"
        self._keys[1] = 0
        return back
