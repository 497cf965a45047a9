"""`~`, `$VAR`, `${VAR}`, `${UID}`, `${workdir}` and `${workspaces_path}` in a profile's texts.

Pure. It happens when the plan is made, not when a profile is read: the environment and the project differ from run to run.
"""

from __future__ import annotations

from inner.errors import ConfigError
from inner.frozen import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from inner.origin import Origin

_FIRST = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_")
_REST = _FIRST | frozenset("0123456789")


def literal(path: str) -> str:
    """What expands to `path`, an absolute one."""
    return path.replace("$", "$$")


class Expander:
    """Expands texts for one run. `env` is the host's environment; `workdir` "" means that the place is not known yet."""

    def __init__(self, *, env: Mapping[str, str], home: str, uid: int, workdir: str, workspaces_path: str) -> None:
        self._env, self._home, self._uid, self._workdir, self._workspaces = env, home, uid, workdir, workspaces_path

    def expand(self, text: str, origin: Origin) -> str:
        """`text` with a leading `~` and every variable replaced. `$$` is a dollar; a `$` before anything but a name stays.

        ConfigError, with the origin as its place, for a variable that is not set.
        """
        if text == "~" or text.startswith("~/"):
            text, done = text[1:], self._home
        else:
            done = ""
        while True:
            before, dollar, after = text.partition("$")
            done += before
            if not dollar:
                return done
            name, text = self._name(after, origin)
            done += self._value(name, origin) if name else "$"

    def _name(self, after: str, origin: Origin) -> tuple[str, str]:
        """The variable's name after a `$` ("" when it is no variable), and the text behind it."""
        if after.startswith("$"):
            return "", after[1:]
        if after.startswith("{"):
            name, closed, rest = after[1:].partition("}")
            if not closed or not name or name[0] not in _FIRST or not _REST.issuperset(name):
                hint = "write `${NAME}`, or `$$` for a dollar"
                raise ConfigError(f"`${after[:40]}` is not a variable", where=str(origin), hint=hint)
            return name, rest
        end = 0
        while end < len(after) and after[end] in (_REST if end else _FIRST):
            end += 1
        return after[:end], after[end:]

    def _value(self, name: str, origin: Origin) -> str:
        if name == "UID":
            return str(self._uid)
        if name == "workdir" and self._workdir:
            return self._workdir
        if name == "workspaces_path" and self._workspaces:
            if "workspaces_path" in self._workspaces:
                raise ConfigError("`workspaces_path` names itself", where=str(origin), hint="write the path")
            return self.expand(self._workspaces, origin)
        if name == "HOME":
            return self._home
        value = self._env.get(name)
        if value is not None:
            return value
        if name == "workdir":
            message = "`${workdir}` cannot say itself where the working directory is"
            raise ConfigError(message, where=str(origin), hint="write the path")
        hint = f"`export {name}=...` first, or write `$$` for a dollar"
        if name == "workspaces_path":
            hint = 'set `workspaces_path = "~/work"`'
        raise ConfigError(f"`${name}` is not set", where=str(origin), hint=hint)
