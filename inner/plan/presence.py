"""Whether the command is in the box: asked of the mounts before the start, when it can still be said why it is not. Pure."""

from __future__ import annotations

from inner.errors import CannotExecute, CommandNotFound
from inner.frozen import TYPE_CHECKING
from inner.paths import quoted
from inner.programs import which

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inner.host import Host
    from inner.plan.mounts import MountTable


def refuse_missing(name: str, table: MountTable, host: Host, *, project: str, path: Sequence[str]) -> None:
    """`name` is the command, `path` the box's PATH. Raises CannotExecute for a folder, CommandNotFound with what would show it."""
    places = [name if name.startswith("/") else f"{project}/{name}"] if "/" in name else [f"{folder}/{name}" for folder in path]
    seen = [found for place in places if (found := table.at(place)).kind in ("file", "other")]
    if seen:
        return
    if "/" in name and table.at(places[0]).kind == "dir":
        raise CannotExecute(f"`{name}` is a folder", hint="`inner run -- COMMAND ARGS`")
    outside = which(host, name)
    if outside is None and "/" in name:
        raise CommandNotFound(
            f"`{name}` does not exist in `{project}`" if not name.startswith("/") else f"`{name}` does not exist"
        )
    if outside is None:
        from inner.agents import recognised

        known = recognised(name)
        raise CommandNotFound(
            f"`{name}` is not installed" if known else f"`{name}` does not exist",
            hint="install it as its vendor says; commands are looked for on PATH"
            if known
            else "`inner run -- COMMAND ARGS`; commands are looked for on PATH",
        )
    from inner.profile.amend import quoted as toml
    from inner.profile.expand import literal

    folder, shown = outside.rpartition("/")[0], quoted(outside)
    if table.at(outside).kind == "file":  # a folder that the box may write is not searched, nor one that it got from elsewhere
        message = f"`{name}` is in a folder that is not on the box's PATH"
        named = f"`path_prepend = [{toml(literal(folder))}]` under `[env]` of a profile"
        raise CommandNotFound(message, where=outside, hint=f"`inner run -- {shown}`, or {named}")
    more = "" if "/" in name or folder in path else f"; start it as `{shown}`"
    raise CommandNotFound(
        f"`{name}` is not in the box: outside it is `{outside}`",
        hint=f"`-m {quoted(literal(f'{folder}:{folder}'))}` shows its folder, read-only{more}",
    )
