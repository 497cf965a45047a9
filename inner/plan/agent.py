"""The agent of a run in its plan: variables, files to begin with, a private copy of the login, hosts. Pure.

No content of a login is in a plan, which can be shown and kept: a `Private` says where it is and what of it goes along, and
`launch.login` fills it in when the box starts. What the profile says itself goes before what an agent brings.
"""

from __future__ import annotations

from inner.errors import ConfigError
from inner.frozen import TYPE_CHECKING
from inner.host import kind, realpath
from inner.origin import Origin
from inner.paths import BoxPath, HostPath, covers
from inner.plan.model import MIB, Bind, Copy, Data, Private, Tmpfs, Variable
from inner.programs import executable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from inner.agents import Agent
    from inner.agents.base import Login
    from inner.plan.build import Box

SCRATCH_SIZE = 256 * MIB
PLACEHOLDER = "inner-puts-the-key-on-the-request-outside"
"""What an agent holds in place of a key that never enters the box."""


def agents(box: Box, program: str, path: Sequence[str]) -> tuple[Variable, ...]:
    """Everything about the agents of a run, put into `box`; returns their variables. `program` is the first word of the command,
    `path` the box's PATH. ConfigError for an agent that nobody defines."""
    names = _names(box, program)
    if not names:
        return ()
    from inner.agents import agent

    foreign = _of_the_project(box, program, path)
    own = box.profile.definitions
    named = [(agent(name, origin, own), origin, by_command) for name, origin, by_command in names if not (by_command and foreign)]
    if foreign and names:
        box.notices.append(f"`{program}` comes out of the project: it is not the program that you installed, and gets no login")
    found: list[Variable] = []
    for one, origin, by_command in named:
        if one.NAME == "generic":
            continue
        box.agents.append(one)
        variables = list(_variables(box, one, origin))
        moved = list(_injected(box, one, origin))
        found += [*variables, *moved]
        login = not foreign and _wants_login(box, one, by_command)
        _files(box, one, origin, moved={v.name: v for v in moved}, login=login)
        _hosts(box, one)
        _scratch(box, one, origin)
    return tuple(found)


def _names(box: Box, program: str) -> list[tuple[str, Origin, bool]]:
    """The agents that the profile names, then the one whose program is started: name, origin, and whether by its command."""
    from inner.agents import recognised

    names = [(name, box.profile.origin(f"agents[{name}]"), False) for name in box.profile.agents]
    by_command = recognised(program, box.profile.definitions)
    if by_command and by_command not in box.profile.agents:
        names.append((by_command, Origin("agent", f"agent {by_command}"), True))
    return names


def _of_the_project(box: Box, program: str, path: Sequence[str]) -> bool:
    """Whether what is started lies in the project, whose programs are not the user's own."""
    if "/" in program:
        places = [program if program.startswith("/") else f"{box.project}/{program}"]
    else:
        places = [f"{folder}/{program}" for folder in path]
    first = next((place for place in places if executable(box.host, place)), "")
    return bool(first) and (covers(box.project, first) or covers(box.project, realpath(box.host, first)))


# --- variables ----------------------------------------------------------------------------------------------------------


def _variables(box: Box, one: Agent, origin: Origin) -> Iterator[Variable]:
    passed = {name for name in box.profile.env.passthrough if name in box.host.env}
    for name, value in one.ENV:
        if name not in passed:
            yield Variable(name, value.replace("${home}", box.home).replace("${workdir}", box.project), origin)


def _injected(box: Box, one: Agent, origin: Origin) -> Iterator[Variable]:
    """A plain address in place of each API to whose requests a credential is added outside, and a placeholder for the key."""
    own = box.profile.env.set
    for name, credential in box.profile.credentials.items():
        for base in one.BASE_URLS:
            if not any(_is_for(host, base.host) for host in credential.hosts):
                continue
            key = dict(base.keys).get(credential.header.lower())
            if key is None:
                known = " or ".join(f"`{header}`" for header, _ in base.keys)
                raise ConfigError(
                    f"{one.NAME} cannot use the credential `{name}`: it sends no `{credential.header}` to {base.host}",
                    where=str(box.profile.origin(f"credentials.{name}")),
                    hint=f"the header is {known}" if known else "pass the key by name with `passthrough`",
                )
            if base.variable not in own:
                yield Variable(base.variable, f"http://{base.host}{base.path}", origin)
            if key not in own:
                yield Variable(key, PLACEHOLDER, origin)


def _is_for(entry: str, host: str) -> bool:
    name = entry.removesuffix(":443")
    return name == host or (name.startswith("*.") and host.endswith(name[1:]))


def _key(box: Box, one: Agent, moved: dict[str, Variable]) -> bool:
    """Whether the agent gets a key by a variable."""
    env = box.profile.env
    return any(
        key in moved or key in env.set or ((key in env.passthrough or env.inherit_all) and box.host.env.get(key))
        for key in one.KEYS
    )


# --- files --------------------------------------------------------------------------------------------------------------


def _wants_login(box: Box, one: Agent, by_command: bool) -> bool:
    """The login goes along where it can be of use. An agent without network is said to the user who started it."""
    if box.sandbox.network_mode != "off":
        return box.sandbox.login != "off"
    if by_command or box.profile.agents:
        usual = f"`inner run -p {one.NAME}-interactive`" if by_command else "`--network`"
        box.notices.append(f"{one.NAME} reaches no host in this box, and gets no login: {usual} is the box for it")
    return False


def _files(box: Box, one: Agent, origin: Origin, *, moved: dict[str, Variable], login: bool) -> None:
    """Seeds and logins, merged where both are one file; at a place that the profile mounts itself, nothing."""
    if box.sandbox.home != "isolated":
        if one.SEEDS or one.LOGINS:
            box.notices.append(f"{one.NAME} finds your own settings, read-only, and no login: this box shows your home folder")
        return
    has_key = _key(box, one, moved)
    files: dict[str, _File] = {seed.path: _File(_moved(box, one, seed.path, moved) + _seed(box, seed.text)) for seed in one.SEEDS}
    for wanted in one.LOGINS:
        if login and (wanted.beside or not has_key) and kind(box.host, f"{box.host.home}/{wanted.path}") == "file":
            files.setdefault(wanted.path, _File()).logins.append(wanted)
        if wanted.approves:
            files.setdefault(wanted.path, _File()).approved += _approved(box, wanted.approves, moved)
    kept = _folders(box, one, files) if box.sandbox.login == "sync" else {}
    for path, file in files.items():
        dest = BoxPath(f"{box.home}/{path}")
        if _mounted(box, dest, kept.values()):
            continue
        to_disk = any(covers(folder, path) for folder in kept)
        content = file.text.encode("utf-8", "surrogateescape")
        if file.logins or file.approved or to_disk:
            logins = tuple((HostPath(f"{box.host.home}/{login.path}"), login) for login in file.logins)
            into = HostPath(f"{box.run_dir}/login-{one.NAME}/{path}" if to_disk else "")
            box.private.append(Private(dest, content, logins, tuple(file.approved), into, one.NAME))
        if not to_disk and (file.text or file.logins):
            why = f"login of {one.NAME}, a private copy" if file.logins else f"settings that {one.NAME} begins with"
            box.mounts.append(Data(dest, content, 0o600, "rw", why, origin))


class _File:
    """What becomes one file: a text to begin with, logins that are merged into it, keys that it approves of."""

    def __init__(self, text: str = "") -> None:
        self.text = text
        self.logins: list[Login] = []
        self.approved: list[tuple[str, Variable]] = []


def _mounted(box: Box, dest: str, but: Iterable[str]) -> bool:
    """Whether the profile itself mounts `dest`, or a folder of home above it."""
    for mount in box.mounts:
        place = str(mount.dest)
        if isinstance(mount, (Bind, Tmpfs)) and place not in (box.home, *but) and covers(box.home, place) and covers(place, dest):
            return True
    return False


def _folders(box: Box, one: Agent, files: dict[str, _File]) -> dict[str, BoxPath]:
    """Folders of logins that are written back: on disk, below the run's folder, because what is in memory ends with the box."""
    found: dict[str, BoxPath] = {}
    for path, file in files.items():
        if any(login.rotates for login in file.logins) and "/" in path:
            folder = path.rpartition("/")[0]
            found[folder] = BoxPath(f"{box.home}/{folder}")
            source = HostPath(f"{box.run_dir}/login-{one.NAME}/{folder}")
            box.mounts.append(Bind(source, found[folder], "rw", "dir", why=f"state of {one.NAME}: its login is written back"))
    return found


def _seed(box: Box, text: str) -> str:
    return text.replace("${workdir}", _quoted(box.project)).replace("${home}", _quoted(box.home))


def _moved(box: Box, one: Agent, path: str, moved: dict[str, Variable]) -> str:
    """The lines of a configuration that say where the API is, where no variable does."""
    text = ""
    for base in one.BASE_URLS:
        url = moved[base.variable].value if base.variable in moved else box.profile.env.set.get(base.variable)
        if base.config and base.config[0] == path and url:
            text += base.config[1].replace("{url}", _quoted(url))
    return text


def _quoted(path: str) -> str:
    """`path` inside of the quotes of JSON and TOML, which agree about these."""
    return "".join(f"\\u{ord(char):04x}" if char in '"\\' or ord(char) < 0x20 or char == "\x7f" else char for char in path)


def _approved(box: Box, wanted: tuple[str, str], moved: dict[str, Variable]) -> Iterator[tuple[str, Variable]]:
    place, name = wanted
    if name in moved:
        yield place, moved[name]
    elif name in box.profile.env.passthrough and box.host.env.get(name):
        yield place, Variable(name, None)


def _scratch(box: Box, one: Agent, origin: Origin) -> None:
    """Folders of the project that the agent writes to before it does anything: in memory, or a copy of what is there."""
    for name in one.SCRATCH:
        real, dest = HostPath(f"{box.project}/{name}"), BoxPath(f"{box.project}/{name}")
        found = box.host.lstat(real)
        why = f"{one.NAME} writes to it: a copy, gone with the box"
        if found is None:
            box.mounts.append(Tmpfs(dest, SCRATCH_SIZE, 0o755, why=why, origin=origin))
        elif found.kind == "dir":
            into = HostPath(f"{box.run_dir}/scratch-{one.NAME}")
            box.copies.append(Copy(real, into))
            box.mounts.append(Bind(into, dest, "rw", why=why, origin=origin))


# --- hosts --------------------------------------------------------------------------------------------------------------


def _hosts(box: Box, one: Agent) -> None:
    if box.sandbox.network_mode == "allowlist":
        known = {*box.sandbox.network_allow, *(host for host, _ in box.hosts)}
        box.hosts += [(host, f"agent {one.NAME}") for host in one.HOSTS if host not in known]
