"""Which command a run starts: the profile's entrypoint, what was typed after it, and the order of the arguments."""

from __future__ import annotations

from inner.errors import CannotExecute, ConfigError, UsageError
from inner.frozen import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from inner.profile.model import Origin, Profile
    from inner.request import Request

WARN_BYTES, MOST_BYTES = 512 * 1024, 2 * 1024 * 1024
MOST_ARGUMENT = 128 * 1024 - 1  # MAX_ARG_STRLEN, execve(2): one argument, with its final NUL


def command(
    profile: Profile, request: Request, *, shell: str, args_file: bytes | None, expand: Callable[[str, Origin], str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The command's words, and notices.

    A profile without an `entrypoint.cmd` is a shell: words after `--` are then the command itself (`inner run -- make test`),
    unless the first of them is an option (`inner run -- -c 'make test'`), which is the shell's. Otherwise everything is
    appended: the profile's args, `--arg` values, the words after `--`, the content of the args file.
    """
    words = request.words
    entry = profile.entrypoint
    if entry.cmd or not words or words[0].startswith("-"):
        cmd = expand(entry.cmd, profile.origin("entrypoint.cmd")) if entry.cmd else shell
        line = [cmd, *(expand(arg, profile.origin("entrypoint.args")) for arg in entry.args), *request.arg, *words]
    else:
        line = [words[0], *request.arg, *words[1:]]
    if not line[0]:
        raise UsageError("the command is empty", hint="`inner run -- COMMAND ARGS`")
    notices: tuple[str, ...] = ()
    if args_file is not None:
        notices = _check_file(args_file, request.args_file)
        line.append(args_file.decode("utf-8", "surrogateescape"))
    for word in line:
        if "\0" in word:
            raise UsageError("an argument holds a NUL byte, which no command can take")
    return tuple(line), notices


def refuse_unexecutable(words: tuple[str, ...]) -> None:
    """Raise CannotExecute for a command line that the kernel will not take, before anything is started for it."""
    for word in words:
        length = len(word.encode("utf-8", "surrogateescape"))
        if length > MOST_ARGUMENT:
            raise CannotExecute(
                f"an argument of {length // 1024} KiB is longer than the 128 KiB that the kernel takes for one",
                hint="put the text into a file of the project and name that file",
            )


def _check_file(content: bytes, name: str) -> tuple[str, ...]:
    if len(content) > MOST_BYTES:
        raise ConfigError(f"`{name}` is larger than 2 MiB", hint="put the text into a file of the project and name the file")
    if b"\0" in content:
        raise ConfigError(f"`{name}` holds a NUL byte: it is not a text", where=name)
    if len(content) > WARN_BYTES:
        return (f"`{name}` is {len(content) // 1024} KiB long: few programs take that much as an argument",)
    return ()
