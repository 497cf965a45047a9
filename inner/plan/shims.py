"""Where command shims go: a folder of them first on PATH, and over the real files, so that a full path leads to them too.

A file that is the program of other names as well (busybox, one binary for all of coreutils) is left alone, and the user is told.
"""

from __future__ import annotations

from inner import shims
from inner.errors import ConfigError
from inner.frozen import TYPE_CHECKING
from inner.paths import BoxPath
from inner.plan.model import Data, Dir, Symlink
from inner.plan.mounts import MountTable, order

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from inner.host import Host
    from inner.plan.model import Mount
    from inner.profile.model import Origin, Profile

FOLDER = BoxPath("/run/inner/shims")
SCRIPT = BoxPath("/run/inner/blocked")


class Shims:
    """What was decided: `mounts`, `path` (the box's PATH with the shims first), `notices`."""

    def __init__(self, profile: Profile, host: Host, mounts: Sequence[Mount], path: Sequence[str]) -> None:
        self.mounts: list[Mount] = []
        self.notices: list[str] = []
        self.path = tuple(path)
        block = tuple(dict.fromkeys(profile.noop.block))
        rewrite = {name: text for name, text in profile.noop.rewrite.items() if name not in block}
        if not block and not rewrite:
            return
        self.path = (FOLDER, *self.path)
        self._host, self._table = host, MountTable(order(mounts), host)
        self._folders = self._real_folders(path)
        shell = self._table.at("/bin/sh")
        self._shell = shell.path if shell.kind == "file" else ""
        self.mounts += [Dir(BoxPath("/run/inner")), Dir(FOLDER)]
        lines = {name: _words(name, text, profile.origin(f"noop.rewrite.{name}")) for name, text in rewrite.items()}
        if lines and not self._shell:
            raise ConfigError(
                f"`{next(iter(lines))}` cannot be rewritten: the box has no `/bin/sh`", where=str(profile.origin("noop.rewrite"))
            )
        # What a rewrite runs has to stay where it is, or two of them could lead to each other for ever.
        programs = {name: self._find(line[0]) for name, line in lines.items()}
        kept = {self._shell, *(str(self._table.at(program).path) for program in programs.values() if program)}
        self._block(profile, block)
        for name, line in lines.items():
            origin, why = profile.origin(f"noop.rewrite.{name}"), f"`{name}` is rewritten"
            script = shims.rewritten(name, line, programs[name])
            self.mounts.append(Data(BoxPath(f"{FOLDER}/{name}"), script, 0o555, "ro", why, origin))
            for _, real in self._places(name):
                if real not in kept and _own(name, real):
                    self.mounts.append(Data(BoxPath(real), script, 0o555, "ro", why, origin))

    def _real_folders(self, path: Sequence[str]) -> Mapping[str, str]:
        """Canonical folders of the box's PATH, read-only ones of the host alone -> the host's folder behind."""
        found = {}
        for entry in path:
            seen = self._table.at(entry)
            if seen.kind == "dir" and seen.mode == "ro" and seen.host:
                found[str(seen.path)] = str(seen.host)
        return found

    def _places(self, name: str) -> Iterator[tuple[str, str]]:
        """Each place of the command: as it is found on PATH, and the canonical one."""
        for folder, outside in self._folders.items():
            if self._host.lstat(f"{outside}/{name}") is not None:
                seen = self._table.at(f"{folder}/{name}")
                if seen.kind == "file" and seen.mode == "ro" and seen.host:
                    yield f"{folder}/{name}", seen.path

    def _block(self, profile: Profile, names: Sequence[str]) -> None:
        if not names:
            return
        # Without a shell nothing can say why: a file that cannot be executed is refused by the kernel.
        script, perms = shims.blocked(profile.name), 0o555 if self._shell else 0o444
        self.mounts.append(Data(SCRIPT, script, perms, why="a command that is blocked"))
        places = [(name, *place) for name in names for place in self._places(name)]
        over = {real: name for name, _, real in reversed(places) if _own(name, real) and real != self._shell}
        for name, place, real in places:
            if real in over:
                continue
            others = self._others(name, real, names)
            if others or real == self._shell:
                needs = "scripts need" if real == self._shell else f"`{others[0]}` is as well"
                self.notices.append(f"`{name}` is blocked by name alone, `{place}` still runs: it is `{real}`, which {needs}")
            else:
                over[real] = name
        for real in [real for real in over if self._host.read(self._table.at(real).host, len(shims.HEAD)) == shims.HEAD]:
            del over[real]  # by the box around this one: over its file, which has no name any more, nothing can be mounted
        for name in names:
            origin, why = profile.origin(f"noop.block[{name}]"), f"`{name}` is blocked"
            self.mounts.append(Symlink(SCRIPT, BoxPath(f"{FOLDER}/{name}"), why, origin))
            self.mounts += [Data(BoxPath(real), script, perms, "ro", why, origin) for real, by in over.items() if by == name]

    def _others(self, name: str, real: str, names: Sequence[str]) -> list[str]:
        """Commands that are the same file and are not blocked, by names of their own."""
        return [
            other
            for folder, outside in self._folders.items()
            for other in self._host.listdir(outside)
            if other not in names and not _own(name, other) and self._table.at(f"{folder}/{other}").path == real
        ]

    def _find(self, name: str) -> str:
        """Where the box has a program behind the shims, "" when it has none."""
        places = (name,) if name.startswith("/") else tuple(f"{entry}/{name}" for entry in self.path[1:])
        return next((place for place in places if self._table.at(place).kind == "file"), "")


def _words(name: str, text: str, origin: Origin) -> tuple[str, ...]:
    """The words of a rewrite, as a shell splits them; nothing in them is expanded."""
    import shlex

    try:
        words = tuple(shlex.split(text))
    except ValueError:
        raise ConfigError(f"the command for `{name}` has a quote that is not closed", where=str(origin)) from None
    first = words[0] if words else ""
    if not first or first.startswith("-") or ("/" in first and not first.startswith("/")) or "\0" in text:
        raise ConfigError(
            f"`{name}` is rewritten to something that is no command", where=str(origin), hint='for instance `"podman --remote"`'
        )
    return words


def _own(name: str, file: str) -> bool:
    """Whether a file has this command's name, perhaps with a version behind it: `dnf` is `dnf-3`, and `vi` is not `vim`."""
    last = file.rpartition("/")[2]
    rest = last[len(name) :].lstrip("-.")
    return last.startswith(name) and (not rest or rest[0].isdigit())
