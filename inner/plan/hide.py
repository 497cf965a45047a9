"""What stays hidden on the host however it becomes visible, and the `allow` keys that grant it.

In the default box (empty root, empty home) nothing of this exists and a key adds a read-only mount. Where a profile shows
more of the host (`home = "host-ro"`, a mount of a folder above), each entry that exists is masked unless its key is given.
"""

from __future__ import annotations

from inner.errors import ConfigError
from inner.frozen import TYPE_CHECKING
from inner.host import kind, realpath
from inner.origin import INNER
from inner.paths import BoxPath, HostPath, covers, own
from inner.plan.model import Bind, Mask, Overlay

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from inner.host import Host
    from inner.plan.model import Mount
    from inner.plan.mounts import MountTable
    from inner.profile.model import Origin

# key -> paths: below home when relative, `{run}` is /run/user/UID. Folders and files are told apart on the host.
KEYS: dict[str, tuple[str, ...]] = {
    "ssh-keys": (".ssh",),
    "git-credentials": (".git-credentials", ".config/git/credentials"),
    "gpg-keys": (".gnupg",),
    "docker-socket": ("/run/docker.sock", "{run}/docker.sock", ".docker/run/docker.sock"),
    "podman-socket": ("/run/podman/podman.sock", "{run}/podman/podman.sock"),
    "netrc": (".netrc",),
    "aws-credentials": (".aws",),
    "gcloud-credentials": (".config/gcloud",),
    "kube-config": (".kube",),
    "azure-credentials": (".azure",),
    "docker-config": (".docker/config.json", ".config/containers/auth.json"),
    "npmrc": (".npmrc", ".yarnrc.yml", ".yarnrc", ".config/yarn"),
    "pypirc": (".pypirc", ".config/pip", ".pip/pip.conf"),
    "cargo-credentials": (".cargo/credentials", ".cargo/credentials.toml"),
    "gh-config": (".config/gh", ".config/hub", ".config/glab-cli"),
    "terraform-credentials": (".terraform.d", ".terraformrc", ".vault-token"),
    "maven-settings": (".m2/settings.xml", ".m2/settings-security.xml"),
    "gradle-properties": (".gradle/gradle.properties",),
    "helm-config": (".config/helm",),
    "pgpass": (".pgpass",),
    "mysql-config": (".my.cnf", ".mylogin.cnf"),
    "password-store": (".password-store",),
    "keyrings": (".local/share/keyrings", ".local/share/kwalletd"),
    "onepassword-config": (".config/op", ".config/1Password", ".config/Bitwarden CLI"),
    "browser-profiles": (
        ".mozilla", ".thunderbird", ".config/google-chrome", ".config/chromium", ".config/BraveSoftware", ".config/microsoft-edge",
        ".config/vivaldi", ".config/opera", ".cache/mozilla", ".cache/google-chrome", ".cache/chromium",
    ),
    "ssh-agent": ("{run}/ssh-agent.socket", "{run}/openssh_agent", "{run}/gcr/ssh", "{run}/keyring/ssh"),
    "gpg-agent": ("{run}/gnupg",),
    "session-bus": ("{run}/bus",),
    "systemd-user": ("{run}/systemd",),
}  # fmt: skip

# Hidden always: no key shows them. History, other agents' logins, and folders from which inner's own code or decisions come.
ALWAYS = (
    ".bash_history", ".zsh_history", ".zhistory", ".local/share/fish/fish_history", ".python_history", ".node_repl_history",
    ".psql_history", ".mysql_history", ".sqlite_history", ".rediscli_history", ".irb_history", ".lesshst", ".viminfo", ".wget-hsts",
    ".claude/.credentials.json", ".claude/history.jsonl", ".claude/projects", ".codex/auth.json", ".codex/history.jsonl",
    ".gemini/oauth_creds.json", ".gemini/mcp-oauth-tokens.json", ".config/cursor/auth.json", ".local/share/opencode/auth.json",
    ".config/github-copilot", ".aider/oauth-keys.env", ".gem/credentials", ".composer/auth.json", ".config/composer/auth.json",
    ".s3cfg", ".boto", ".config/rclone", ".config/doctl", ".Xauthority", ".ICEauthority", ".shiv", "{run}/keyring/control",
)  # fmt: skip

# Keys that are about something else than a path.
OTHER_KEYS = ("nested-user-ns", "env-secrets", "shims-active", "network-policy")


# Where no user's files are, for the sake of speed: a mount of the system is not searched for hidden places that home leads to.
SYSTEM = (
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/etc",
    "/nix/store",
    "/gnu/store",
    "/sys",
    "/proc",
    "/dev",
)


class Secrets:
    """The hidden places of one host: `paths` maps a path to its key ("" when no key shows it). `own`: inner's own folders, also
    where they lead, with the variable that names another place: who may write above one could put another in its place."""

    def __init__(self, host: Host) -> None:
        self._host = host
        run = f"/run/user/{host.uid}"
        named = [(key, path) for key, paths in KEYS.items() for path in paths] + [("", path) for path in ALWAYS]
        self.paths: dict[HostPath, str] = {
            HostPath(path.replace("{run}", run) if path.startswith(("/", "{")) else f"{host.home}/{path}"): key
            for key, path in named
        }
        nominal = own(host.env, host.home)
        hidden = {place: name for place, name in nominal.items() if name != "XDG_CONFIG_HOME"}
        hidden |= {realpath(host, place): name for place, name in hidden.items()}
        self.own = {**nominal, **hidden}
        self.paths |= dict.fromkeys(hidden, "")
        if host.env.get("SHIV_ROOT", "").startswith("/"):
            self.paths[HostPath(host.env["SHIV_ROOT"])] = ""
        agent = host.env.get("SSH_AUTH_SOCK", "")
        if agent.startswith("/"):
            self.paths[HostPath(agent)] = "ssh-agent"
        self._reals: dict[HostPath, str] = {}

    def key_of(self, path: str) -> str | None:
        """The key that guards `path` or a folder above it, "" when no key does, None when it is not hidden."""
        if not self._reals:  # home, or a part of it, may be a link to another disk
            self._reals = {realpath(self._host, hidden): key for hidden, key in self.paths.items()}
        for hidden, key in (*self.paths.items(), *self._reals.items()):
            if covers(hidden, path):
                return key
        return None

    def grants(self, allow: Iterable[str], origin: Mapping[str, Origin]) -> list[Mount]:
        """Read-only mounts for what the keys of `allow` show, as far as it exists. A socket can be connected to all the same."""
        mounts: list[Mount] = []
        for key in allow:
            if key not in KEYS and key not in OTHER_KEYS:
                raise ConfigError(
                    f"`{key}` is not something that can be allowed", hint=f"one of: {', '.join((*KEYS, *OTHER_KEYS))}"
                )
            where = origin.get(f"sandbox.allow[{key}]", INNER)
            for path in (p for p, k in self.paths.items() if k == key):
                real = realpath(self._host, path)
                what = kind(self._host, real)
                if what:
                    shape = what if what in ("dir", "file") else "other"
                    place = real if path.startswith("/run/") else path
                    mounts.append(Bind(real, BoxPath(place), "ro", shape, why=f"allowed: {key}", origin=where))
        return mounts

    def masks(self, mounts: Sequence[Mount], table: MountTable, allow: Iterable[str]) -> list[Mask]:
        """One mask for every hidden place that a mount shows, at the place where it shows; `table` is that of `mounts`."""
        allowed = frozenset(allow)
        shown = [
            m
            for m in mounts
            if (isinstance(m, Overlay) or (isinstance(m, Bind) and m.kind == "dir")) and self._may_hold_any(m.src)
        ]
        masks: dict[BoxPath, Mask] = {}
        for path, key in self.paths.items() if shown else ():
            if key and key in allowed:
                continue
            real = realpath(self._host, path)
            what = kind(self._host, real)
            if not what:
                continue
            for mount in shown:
                if covers(mount.src, real) and real != mount.src:
                    dest = below_box(mount, real)
                    seen = table.at(dest, follow=False)
                    if seen.host == real:  # else another mount hides it already
                        why = f"hidden; `{key}` shows it" if key else "hidden from every box"
                        masks[dest] = Mask(dest, "dir" if what == "dir" else "file", why=why)
        return list(masks.values())

    def within(self, folder: str, allow: Iterable[str]) -> tuple[HostPath, ...]:
        """What is hidden below `folder`, for a copy of it: that lies elsewhere, and no mask would be made for it."""
        allowed = frozenset(allow)
        hidden = dict.fromkeys(realpath(self._host, path) for path, key in self.paths.items() if not key or key not in allowed)
        return tuple(place for place in hidden if place != folder and covers(folder, place) and kind(self._host, place))

    def _may_hold_any(self, src: str) -> bool:
        """Whether a folder can be above a hidden place: /usr and the like cannot, unless that was put there (XDG_CACHE_HOME)."""
        return not any(covers(place, src) for place in SYSTEM) or any(covers(src, path) for path in self.paths)


def below_box(bind: Bind | Overlay, real: str) -> BoxPath:
    """Where the box sees the host's `real`, which `bind` shows."""
    return BoxPath(bind.dest.rstrip("/") + real[len(bind.src.rstrip("/")) :])
