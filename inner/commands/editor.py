"""A file in the user's editor: on a draft of its own, checked afterwards, put in place whole. What was typed is never lost."""

from __future__ import annotations

import os
import shlex

from inner.errors import CheckFailed, ConfigError, HostError, InnerError
from inner.frozen import TYPE_CHECKING
from inner.paths import quoted

if TYPE_CHECKING:
    from collections.abc import Callable

    from inner.host import Host

FALLBACKS = ("sensible-editor", "nano", "vi")


def edit(path: str, before: bytes | None, text: bytes, check: Callable[[bytes], object], host: Host, *, root: str = "") -> bool:
    """Let the user edit `text`, then put it at `path`, where `before` is now (None: nothing). `check` raises ConfigError for what
    is wrong with it; then the user is asked whether to go on editing. False when nothing was changed. `root` as in `write.replace`.
    """
    from inner import ui
    from inner.config.write import replace

    words(host)
    draft = _draft(path, text, host)
    while True:
        _open(draft, text, host)
        content = _read(draft)
        if content == text and before is not None:
            _forget(draft)
            return False
        try:
            check(content)
            break
        except InnerError as problem:
            ui.error(_about(problem, draft, path))
            _again(draft)
    try:
        replace(path, content, expected=before, root=root)
    except InnerError as problem:
        problem.hint = f"what you wrote is kept in `{quoted(draft)}`"
        raise
    _forget(draft)
    return True


def _draft(path: str, text: bytes, host: Host) -> str:
    """A private copy, outside of the project, under the file's own name, so that the editor knows its format."""
    import tempfile

    from inner.paths import state_dir

    folder = state_dir(host.env, host.home) + "/drafts"
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        name = tempfile.mkdtemp(prefix="", dir=folder) + "/" + path.rpartition("/")[2]
        with open(name, "xb") as file:
            file.write(text)
    except OSError as problem:
        raise HostError(f"no draft can be made: {(problem.strerror or '').lower()}", where=folder) from None
    return name


def _forget(draft: str) -> None:
    try:
        os.unlink(draft)
        os.rmdir(draft.rpartition("/")[0])
    except OSError:  # the editor's own copies stay
        pass


def _read(draft: str) -> bytes:
    from inner.config.document import read

    return read(draft)


def _open(draft: str, text: bytes, host: Host) -> None:
    import subprocess

    command = words(host)
    try:
        done = subprocess.run([*command, draft], check=False)
    except OSError as problem:
        raise HostError(f"the editor cannot be started: {(problem.strerror or '').lower()}", where=command[0]) from None
    if done.returncode:
        kept = _read(draft) != text
        if not kept:
            _forget(draft)
        raise CheckFailed(
            f"the editor ended with status {done.returncode}: nothing was changed",
            where=command[0],
            hint=f"the draft is kept in `{quoted(draft)}`" if kept else "",
        )


def words(host: Host) -> list[str]:
    """The editor's command line: $VISUAL, $EDITOR, or the first that is there. Its program is looked for on PATH, never in `.`."""
    from inner.programs import which

    for variable in ("VISUAL", "EDITOR"):
        text = host.env.get(variable, "")
        if not text.strip():
            continue
        try:
            command = shlex.split(text)
        except ValueError:
            raise ConfigError("the quotes of this variable are not closed", where=f"${variable}") from None
        program = which(host, command[0])
        if program is None:
            raise HostError(f"the editor `{command[0]}` does not exist", where=f"${variable}", hint=f"`export {variable}=vi`")
        return [str(program), *command[1:]]
    if not os.isatty(0):  # vi would wait for a key that nobody can press
        raise HostError("there is no terminal for an editor", hint="`export EDITOR=...`, one that needs none")
    for name in FALLBACKS:
        program = which(host, name)
        if program is not None:
            return [str(program)]
    raise HostError("there is no editor", hint="`export EDITOR=...`")


def _about(problem: InnerError, draft: str, path: str) -> InnerError:
    """The error, about the file that the user means."""
    problem.where = problem.where.replace(draft, path)
    return problem


def _again(draft: str) -> None:
    """Return to edit again; CheckFailed when the user does not want to, or nobody can be asked."""
    from inner.commands.consent import ask, terminal

    if not (terminal() and ask("Edit again?")):
        raise CheckFailed("the file is as it was before", hint=f"what you wrote is kept in `{quoted(draft)}`")
