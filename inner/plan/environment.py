"""The environment of the box: made from nothing, then what the profile names. Values taken from the host stay references."""

from __future__ import annotations

from inner.errors import ConfigError
from inner.frozen import TYPE_CHECKING
from inner.host import kind
from inner.plan.model import Variable
from inner.profile.model import INNER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from inner.host import Host
    from inner.profile.model import Origin, Profile

# Variables through which another program is made to run code or to write elsewhere: never taken by a pattern.
CODE = frozenset(
    ("NODE_OPTIONS", "BASH_ENV", "ENV", "PERL5OPT", "PERL5LIB", "PERL5DB", "RUBYOPT", "RUBYLIB", "PROMPT_COMMAND", "PS4", "SHELLOPTS", "BASHOPTS",
     "JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS", "JDK_JAVA_OPTIONS", "EDITOR", "VISUAL", "PAGER", "BROWSER", "IFS", "CDPATH", "GCONV_PATH", "LESSOPEN")
)  # fmt: skip
CODE_PREFIXES = ("LD_", "PYTHON", "GIT_", "BASH_FUNC_", "DYLD_", "SSH_ASKPASS")
# What points at the host's own sessions and means nothing, or too much, in a box.
SESSION = frozenset(
    ("DBUS_SESSION_BUS_ADDRESS", "DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY", "XDG_RUNTIME_DIR", "SSH_AUTH_SOCK", "SSH_AGENT_PID", "GPG_AGENT_INFO",
     "SSH_CLIENT", "SSH_CONNECTION", "SSH_TTY", "TMUX", "TMUX_PANE", "STY", "XDG_SESSION_ID", "SESSION_MANAGER", "INVOCATION_ID", "JOURNAL_STREAM",
     "NOTIFY_SOCKET", "OLDPWD", "PWD", "SHLVL", "_", "VSCODE_IPC_HOOK_CLI", "CLAUDECODE")
)  # fmt: skip
OWN = frozenset(
    ("HOME", "USER", "LOGNAME", "SHELL", "PATH", "XDG_RUNTIME_DIR", "INNER_BOX", "INNER_BOX_INFO")
)  # always inner's to set
TERMINAL = ("TERM", "COLORTERM", "COLUMNS", "LINES", "NO_COLOR")
XTERM = "xterm-256color"
TERMINFO = ("/etc/terminfo", "/lib/terminfo", "/usr/lib/terminfo", "/usr/share/terminfo", "/run/current-system/sw/share/terminfo")
LOCALE = ("LANG", "LC_ALL", "LC_CTYPE", "LC_MESSAGES", "LC_TIME", "LC_NUMERIC", "LC_COLLATE")


def environment(
    profile: Profile,
    host: Host,
    *,
    own: Sequence[tuple[str, str]],
    terminal: bool,
    expand: Callable[[str, Origin], str],
    extra: Sequence[Variable] = (),
) -> tuple[tuple[Variable, ...], tuple[str, ...]]:
    """The variables in the order they are set, one a name, and what the user should know about them.

    `own` are inner's (HOME, PATH, ...), `extra` those that other parts of the plan bring (git's identity); the profile's
    `set` wins over `extra`, and nothing wins over `own`.
    """
    chosen: dict[str, Variable] = {}
    notices: list[str] = []
    for name in (*LOCALE, *(TERMINAL if terminal else TERMINAL[:2])):
        if host.env.get(name):
            chosen[name] = Variable(name, None)
    if profile.env.inherit_all:
        origin = profile.origin("env.inherit_all")
        for name in sorted(host.env):
            if not is_code(name) and name not in SESSION and _is_name(name) and not name.startswith("INNER_"):
                chosen[name] = Variable(name, None, origin)
        notices.append("`inherit_all` gives the box every variable of this environment, tokens included")
    for name in profile.env.passthrough:
        origin = profile.origin(f"env.passthrough[{name}]")
        if not _is_name(name):
            raise ConfigError(
                f"`{name}` is not the name of a variable", where=str(origin), hint="names are passed one by one, without patterns"
            )
        if name in OWN:
            continue
        if is_code(name) and name in host.env:
            notices.append(f"`{name}` is passed as `{origin}` asks: programs in the box run or load what it names")
        if name in host.env:
            chosen[name] = Variable(name, None, origin)
    for name, credential in _withheld(profile):
        if chosen.pop(name, None) is not None and name in profile.env.passthrough and name not in {one.name for one in extra}:
            notices.append(f"`{name}` is not passed: the credential `{credential}` is read from it, and does not enter the box")
    _locale(host, chosen)
    _terminal(host, chosen)
    for variable in extra:
        chosen[variable.name] = variable
    for name, text in profile.env.set.items():
        origin = profile.origin(f"env.set.{name}")
        if not _is_name(name):
            raise ConfigError(f"`{name}` is not the name of a variable", where=str(origin))
        if name in OWN:
            notices.append(f"`{name}` is inner's to set in every box: the value from `{origin}` is not taken")
        chosen[name] = Variable(name, expand(text, origin), origin)
    for name, value in own:
        chosen[name] = Variable(name, value)
    return tuple(chosen.values()), tuple(notices)


def _withheld(profile: Profile) -> Iterator[tuple[str, str]]:
    """Variables that hold what is put on requests outside, and the credential of each."""
    for name, credential in profile.credentials.items():
        if credential.source.startswith("env:"):
            yield credential.source[4:], name


def _is_name(name: str) -> bool:
    return name.isascii() and name.isidentifier()


def is_code(name: str) -> bool:
    """Whether programs run or load what this variable names."""
    return name in CODE or name.startswith(CODE_PREFIXES)


def _locale(host: Host, chosen: dict[str, Variable]) -> None:
    """A locale that the system does not have makes Python and Perl complain: C.UTF-8 then (glibc 2.35 has it built in)."""
    for name in LOCALE:
        if name in chosen and not _has_locale(host, host.env[name]):
            del chosen[name]
    if "LANG" not in chosen and "LC_ALL" not in chosen:
        chosen["LANG"] = Variable("LANG", "C.UTF-8", INNER)


def _terminal(host: Host, chosen: dict[str, Variable]) -> None:
    """A terminal that only the user's own terminfo describes (kitty, ghostty) is unknown in the box: nearly all are like xterm."""
    name = host.env.get("TERM", "")
    if "TERM" not in chosen or name in ("", "dumb") or "/" in name:
        return
    if not _described(host, name) and _described(host, XTERM):
        chosen["TERM"] = Variable("TERM", XTERM, INNER)


def _described(host: Host, name: str) -> bool:
    """Whether the system's terminfo has an entry; its folders are named by the first letter, or by its number (term(5))."""
    return any(kind(host, f"{place}/{first}/{name}") for place in TERMINFO for first in (name[0], f"{ord(name[0]):x}"))


def _has_locale(host: Host, value: str) -> bool:
    if value in ("C", "POSIX", "C.UTF-8", "C.utf8"):
        return True
    if kind(host, "/usr/lib/locale/locale-archive") or kind(host, "/run/current-system/sw/lib/locale/locale-archive"):
        return True
    language, _, charset = value.partition(".")
    return bool(language.isidentifier() and kind(host, f"/usr/lib/locale/{language}.{charset.lower().replace('-', '')}"))
