"""Profile + request + host -> plan. Pure: the host is asked, never changed.

The order of the mounts is the order of the functions below: system, home, toolchains, what the profile mounts, the project
with its git folder, command shims, and last the masks, which nothing may undo.
"""

from __future__ import annotations

from inner.errors import ConfigError, RunError
from inner.frozen import TYPE_CHECKING
from inner.host import kind, realpath
from inner.paths import BoxPath, HostPath, covers, normal, quoted
from inner.plan import mounts, root
from inner.plan.agent import agents
from inner.plan.clipboard import display
from inner.plan.command import command
from inner.plan.containers import engines
from inner.plan.contract import TEXT, contract
from inner.plan.environment import environment
from inner.plan.guard import guard
from inner.plan.hide import Secrets
from inner.plan.identity import git
from inner.plan.model import MIB, Bind, Copy, Data, Namespaces, Overlay, Plan, Private, Tmpfs
from inner.plan.network import network
from inner.plan.output import REQUIRE, output_log
from inner.plan.presence import refuse_missing
from inner.plan.project import refuse_writable, workdir
from inner.plan.review import kept_apart
from inner.plan.shims import Shims
from inner.plan.system import HOME_SIZE, RUN_SIZE, system
from inner.profile.expand import Expander
from inner.tools import Tools

if TYPE_CHECKING:
    from inner.agents import Agent
    from inner.host import Host
    from inner.plan.guard import Guarded
    from inner.plan.model import Mount, Variable
    from inner.profile.model import Origin, Profile
    from inner.request import Request

BASE_PATH = ("/usr/local/bin", "/usr/bin", "/bin", "/usr/local/sbin", "/usr/sbin", "/sbin")
ROOT_BECOMES = 1000  # uid and gid in the box of a run started by root: never 0


class Box:
    """What the steps below share while a plan is made: the profile, the host, and the mounts so far."""

    def __init__(self, profile: Profile, request: Request, host: Host, run_dir: HostPath) -> None:
        self.profile, self.request, self.host, self.run_dir = profile, request, host, run_dir
        self.sandbox = profile.sandbox
        self.secrets = Secrets(host)
        self.mounts: list[Mount] = []
        self.copies: list[Copy] = []
        self.agents: list[Agent] = []
        self.private: list[Private] = []
        self.hosts: list[tuple[str, str]] = []  # those that agents and credentials need, and whose they are
        self.notices: list[str] = list(profile.notices)
        self.home = realpath(host, host.home)
        self.uid, self.gid = (ROOT_BECOMES, ROOT_BECOMES) if host.uid == 0 else (host.uid, host.gid)
        self.user = "inner" if host.uid == 0 else host.user
        self.runtime = BoxPath(f"/run/user/{self.uid}")
        entry = profile.entrypoint
        self.project = workdir(host, *self._wanted(entry.workdir))
        self._expander = Expander(
            env=host.env, home=str(host.home), uid=host.uid, workdir=str(self.project), workspaces_path=profile.workspaces_path
        )

    def _wanted(self, configured: str) -> tuple[str, Secrets, str]:
        """The folder that was asked for, where the profile's own entry cannot speak of `${workdir}`."""
        if self.request.workdir or not configured:
            return self.request.workdir, self.secrets, ""
        origin = self.profile.origin("entrypoint.workdir")
        early = Expander(
            env=self.host.env,
            home=str(self.host.home),
            uid=self.host.uid,
            workdir="",
            workspaces_path=self.profile.workspaces_path,
        )
        return early.expand(configured, origin), self.secrets, str(origin)

    def expand(self, text: str, origin: Origin) -> str:
        """`~`, `$VAR`, `${workdir}` and the like, as the profile's format has them."""
        return self._expander.expand(text, origin)

    def path(self, text: str, origin: Origin) -> str:
        """An expanded, absolute, normal path."""
        full = self.expand(text, origin)
        if not full.startswith("/"):
            raise ConfigError(
                f"`{text}` is not an absolute path", hint="begin with `/`, `~/` or `${workdir}/`", where=str(origin)
            )
        return normal(full)


def build(
    profile: Profile,
    request: Request,
    host: Host,
    *,
    terminal: bool,
    args_file: bytes | None = None,
    run_dir: str = "",
    elsewhere: bool = False,
) -> Plan:
    """Decide everything about a run. `terminal`: one is there to talk to; `run_dir`: a folder for copies, made by the launcher;
    `elsewhere`: the command is to run on a machine with other programs.

    Raises ConfigError for what the profile cannot mean here, RunError and CommandNotFound for what cannot be done.
    """
    refuse_unbuilt(profile)
    if host.uid == 0:
        root.refuse(profile)
    box = Box(profile, request, host, HostPath(run_dir))
    shell = _shell(host)
    line, notices = command(profile, request, shell=shell, args_file=args_file, expand=box.expand)
    box.notices += notices

    box.mounts += system(
        host,
        root=box.sandbox.root,
        user=box.user,
        uid=box.uid,
        gid=box.gid,
        home=box.home,
        shell=shell,
        network=box.sandbox.network_mode,
        nested="nested-user-ns" in box.sandbox.allow,
    )
    box.mounts.append(Tmpfs(box.runtime, RUN_SIZE, 0o700, why="XDG_RUNTIME_DIR"))
    _home(box)
    path = _toolchains(box, line[0])
    _granted(box)
    _profile_mounts(box)
    of_agents = agents(box, line[0], path)
    _project(box)
    guarded = _guard(box, review=request.review)
    extra = (*of_agents, *guarded.variables, *_git(box, line[0]))
    path = _shims(box, path)
    extra += _clipboard(box)
    files, variables = engines(profile, box.runtime)
    box.mounts += files
    extra += variables
    box.mounts, said = kept_apart(box.mounts, box.project, box.run_dir, review=request.review)
    box.notices += said
    _masks(box)

    interactive = profile.entrypoint.interactive
    own = (("HOME", box.home), ("USER", box.user), ("LOGNAME", box.user), ("SHELL", shell), ("PATH", ":".join(path)),
           ("XDG_RUNTIME_DIR", box.runtime), ("INNER_BOX", profile.name), ("INNER_BOX_INFO", TEXT))  # fmt: skip
    private = terminal if interactive is None else interactive and terminal
    env, notices = environment(profile, host, own=own, terminal=private, expand=box.expand, extra=extra)
    box.notices += notices
    if box.sandbox.seccomp == "off":
        origin = box.profile.origin("sandbox.seccomp")
        box.notices.append(f"system calls are not filtered: the kernel answers all that this box asks of it ({origin})")
    reached = network(box)
    told = contract(
        mounts.order(box.mounts),
        profile,
        hosts=reached.allow,
        project=box.project,
        home=box.home,
        run_dir=box.run_dir,
        review=request.review,
    )
    ordered = mounts.simplify(mounts.order((*box.mounts, *told)))
    table = mounts.MountTable(ordered, host)
    if not elsewhere:
        refuse_missing(line[0], table, host, project=box.project, path=path)
    return Plan(
        profile=profile.name,
        command=line,
        cwd=BoxPath(box.project),
        home=BoxPath(box.home),
        project=box.project,
        mounts=ordered,
        env=env,
        uid=box.uid,
        gid=box.gid,
        namespaces=Namespaces(
            pid=box.sandbox.pid_namespace,
            net=box.sandbox.network_mode != "full",
            nested_user="nested-user-ns" in box.sandbox.allow,
        ),
        network=reached,
        seccomp=box.sandbox.seccomp,
        limits=box.sandbox.limits,
        terminal="private" if private else "none",
        tui=profile.entrypoint.tui,
        clipboard=box.sandbox.clipboard,
        timeout=profile.output.timeout_seconds,
        summary=profile.output.summary,
        log=output_log(profile, box.run_dir, box.path),
        require=box.sandbox.require,
        detached=request.detach,
        copies=tuple(box.copies),
        private=tuple(box.private),
        agents=tuple(one.NAME for one in box.agents),
        guard=guarded.guard,
        scaffolding=tuple(path for path in mounts.scaffolding(ordered, host) if not guarded.guard.makes(path)),
        layers=profile.layers,
        notices=tuple(box.notices),
    )


def refuse_unbuilt(profile: Profile) -> None:
    """What a profile may say and this version cannot do yet: refused by name, never passed over in silence."""
    sandbox = profile.sandbox
    if profile.experimental:
        raise ConfigError(
            f"profile `{profile.name}` is marked experimental",
            where=str(profile.origin("experimental")),
            hint="copy it without that line",
        )
    cases = (
        (bool(set(sandbox.require) - set(REQUIRE)), "such a requirement", "sandbox.require", f"one of: {', '.join(REQUIRE)}"),
        (not sandbox.pid_namespace, "a shared pid namespace", "sandbox.pid_namespace", "leave the key out"),
        ("session-bus" in sandbox.allow or "systemd-user" in sandbox.allow, "a filtered session bus", "sandbox.allow", "leave the key out"),
    )  # fmt: skip
    for asked, what, key, hint in cases:
        if asked:
            raise RunError(f"this version of inner cannot enforce {what}", hint=hint, where=_where(profile, key))


def _where(profile: Profile, key: str) -> str:
    for name, origin in profile.origins.items():
        if name == key or name.startswith((key + ".", key + "[")):
            return str(origin)
    return ""


def _shell(host: Host) -> str:
    wanted = host.env.get("SHELL", "")
    if wanted.startswith("/") and kind(host, wanted) == "file":
        return wanted
    return next((shell for shell in ("/bin/bash", "/bin/sh") if kind(host, shell)), "/bin/sh")


def _home(box: Box) -> None:
    sandbox = box.sandbox
    if sandbox.home == "isolated":
        box.mounts.append(Tmpfs(BoxPath(box.home), HOME_SIZE, 0o700, why="empty home"))
    else:
        box.mounts.append(Bind(box.home, BoxPath(box.home), why="home, read-only", origin=box.profile.origin("sandbox.home")))
    if box.profile.entrypoint.history:
        lines = "".join(line + "\n" for line in box.profile.entrypoint.history)
        origin = box.profile.origin("entrypoint.history")
        box.mounts.append(
            Data(BoxPath(f"{box.home}/.bash_history"), lines.encode(), 0o600, "rw", "shell history of the profile", origin)
        )
    for entry in sandbox.home_allow:
        origin = box.profile.origin(f"sandbox.home_allow[{entry}]")
        path = box.path(entry if entry.startswith(("/", "~", "$")) else f"~/{entry}", origin)
        real = realpath(box.host, path)
        if path == str(box.host.home) or not covers(str(box.host.home), path):
            raise ConfigError(
                f"`{entry}` is not below your home folder", where=str(origin), hint="use `[mounts]` for other places"
            )
        what = kind(box.host, real)
        if what and sandbox.home == "isolated":
            box.mounts.append(Bind(real, BoxPath(_in_home(box, path)), "ro", _shape(what), why="home_allow", origin=origin))


def _in_home(box: Box, path: str) -> str:
    """A path that was written with $HOME, under the home's real path: no destination may pass through a symlink."""
    return box.home + path[len(box.host.home) :] if covers(str(box.host.home), path) else path


def _shape(what: str) -> str:
    return what if what in ("dir", "file") else "other"


def _toolchains(box: Box, program: str) -> tuple[str, ...]:
    """Mounts for programs outside /usr, and the box's PATH."""
    prepend = tuple(box.path(entry, box.profile.origin(f"env.path_prepend[{entry}]")) for entry in box.profile.env.path_prepend)
    if box.sandbox.toolchains == "off":
        return tuple(dict.fromkeys((*prepend, *BASE_PATH)))
    from inner.plan.closure import toolchains

    base = tuple(m.dest for m in box.mounts if isinstance(m, Bind) and m.src == HostPath(m.dest))
    found = toolchains((program,), host=box.host, base=base, writable=(box.project,))
    box.mounts += (*found.binds, *found.links, *found.masks)
    box.notices += found.notes
    return tuple(dict.fromkeys((*prepend, *found.path, *BASE_PATH)))


def _granted(box: Box) -> None:
    shown = box.secrets.grants(box.sandbox.allow, box.profile.origins)
    box.mounts += shown
    own = f"/run/user/{box.host.uid}/podman/podman.sock"
    if "podman-socket" in box.sandbox.allow and not any(mount.dest == own for mount in shown):
        box.notices.append(f"there is no `{own}`, which `podman-socket` shows: `systemctl --user start podman.socket`")


def _profile_mounts(box: Box) -> None:
    for number, spec in enumerate(box.profile.mounts):
        place = f"mounts.{spec.src}:{spec.dest}"  # what a flag mounts beside the profile's own of the same source
        origin = box.profile.origin(place if place in box.profile.origins else f"mounts.{spec.src}")
        src = spec.src
        if origin.source == "flag" and src and not src.startswith(("/", "~", "$")):
            src = f"{box.host.cwd}/{src}"
        src = box.path(src, origin) if src else ""
        dest = BoxPath(_in_home(box, box.path(spec.dest, origin) if spec.dest else src))
        if dest == "/":
            raise ConfigError(
                "nothing can be mounted over the root of the box",
                where=str(origin),
                hint='`root = "host-ro"` shows the host\'s root',
            )
        if spec.mode == "tmpfs":
            box.mounts.append(Tmpfs(dest, 256 * MIB, 0o755, why="mounts", origin=origin))
            continue
        real = realpath(box.host, src)
        what = kind(box.host, real)
        if not what:
            raise ConfigError(
                f"`{src}` is to be mounted and does not exist",
                where=str(origin),
                hint=f"`mkdir -p {quoted(src)}`, or take the mount out",
            )
        key = box.secrets.key_of(real)
        if key is not None and key not in box.sandbox.allow:
            grant = f"`--allow {key}`" if origin.source == "flag" else f'`allow = ["{key}"]` under `[sandbox]`'
            hint = f"{grant} grants it, read-only, without a mount" if key else "no profile can show it"
            raise ConfigError(f"`{src}` is hidden from every box", where=str(origin), hint=hint)
        if spec.mode in ("rw", "safe-rw") and spec.mode == "rw":
            refuse_writable(box.host, real, box.secrets, str(origin), hint="mount it read-only, or a folder below it", whole=True)
        if spec.mode == "overlay":
            if what != "dir":
                raise ConfigError(
                    f"`{src}` is not a folder: only a folder can be an overlay", where=str(origin), hint="use mode `safe-rw`"
                )
            box.mounts.append(Overlay(real, dest, why="mounts, changes kept for review", origin=origin))
            continue
        source = real
        if spec.mode == "safe-rw":
            source = HostPath(f"{box.run_dir}/copy-{number}")
            box.copies.append(Copy(real, source, box.secrets.within(real, box.sandbox.allow)))
        mode = "ro" if spec.mode == "ro" else "rw"
        why = "mounts, a private copy" if spec.mode == "safe-rw" else "mounts"
        box.mounts.append(Bind(source, dest, mode, _shape(what), why=why, origin=origin))


def _project(box: Box) -> None:
    if any(isinstance(m, (Bind, Overlay)) and m.dest == BoxPath(box.project) for m in box.mounts):
        return  # the profile mounts the working directory itself, in a mode of its own
    box.mounts.append(Bind(box.project, BoxPath(box.project), "rw", why="working directory"))


def _guard(box: Box, *, review: bool) -> Guarded:
    """What in the project could run code outside later: git's folder, settings of editors and agents; and what is masked."""
    found = guard(
        box.profile,
        box.host,
        project=box.project,
        home=box.home,
        run_dir=realpath(box.host, box.run_dir),
        mounts=box.mounts,
        steered=[name for one in box.agents for name in one.PROTECTED],
        review=review,
        git=bool(Tools(box.host).find("git")),
    )
    box.mounts += found.mounts
    box.notices += found.notices
    return found


def _git(box: Box, program: str) -> tuple[Variable, ...]:
    """The user's own git configuration, sanitised, and what of it has to be in the environment."""
    found = git(box.profile, box.host, project=box.project, mounts=box.mounts, secrets=box.secrets, program=program)
    box.mounts += found.mounts
    box.notices += found.notices
    return found.variables


def _shims(box: Box, path: tuple[str, ...]) -> tuple[str, ...]:
    """Commands that are blocked or rewritten: first on PATH, and in the place of the real ones."""
    found = Shims(box.profile, box.host, box.mounts, path)
    box.mounts += found.mounts
    box.notices += found.notices
    return found.path


def _clipboard(box: Box) -> tuple[Variable, ...]:
    """The display server's socket, when the profile asks for it."""
    if not box.sandbox.clipboard:
        return ()
    found = display(box.host, box.runtime, box.profile.origin("sandbox.clipboard"))
    box.mounts += found.mounts
    box.notices += found.notices
    return found.variables


def _masks(box: Box) -> None:
    """Last: what is hidden from every box, at each place where the mounts so far would show it."""
    so_far = mounts.order(box.mounts)
    box.mounts += box.secrets.masks(so_far, mounts.MountTable(so_far, box.host), box.sandbox.allow)
