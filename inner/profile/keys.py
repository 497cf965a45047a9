"""The one table of what a profile can say: how each key merges, and what it grants.

`merge` is how a child's value meets its base's. `narrow` is what a layer that is not trusted may do with the key, which is the
same as saying what the key grants. A key that is missing here can be neither set nor merged (tests hold the schema to it).
"""

from __future__ import annotations

from inner.frozen import frozen

# what may be named in `[sandbox] allow`: `plan.hide` has the paths behind each, tests hold both equal
ALLOW = (
    "ssh-keys", "git-credentials", "gpg-keys", "docker-socket", "podman-socket", "netrc", "aws-credentials",
    "gcloud-credentials", "kube-config", "azure-credentials", "docker-config", "npmrc", "pypirc", "cargo-credentials",
    "gh-config", "terraform-credentials", "maven-settings", "gradle-properties", "helm-config", "pgpass", "mysql-config",
    "password-store", "keyrings", "onepassword-config", "browser-profiles", "ssh-agent", "gpg-agent", "session-bus",
    "systemd-user", "nested-user-ns", "env-secrets", "shims-active", "network-policy",
)  # fmt: skip

NETWORK = ("off", "allowlist", "full")

# A mount of the mode on the left may become one of those on the right without giving more of the host.
NARROWER_MOUNTS = {
    "rw": ("rw", "safe-rw", "overlay", "ro", "tmpfs"),
    "safe-rw": ("safe-rw", "overlay", "ro", "tmpfs"),
    "overlay": ("safe-rw", "overlay", "ro", "tmpfs"),
    "ro": ("ro", "tmpfs"),
    "tmpfs": ("tmpfs",),
}


@frozen
class Key:
    """`merge`: "scalar" (the child's), "list" (united, base first), "first" (united, child first), "deny" (united, never
    shrinks), "words" (the child's, as one value: a command line), "table" (by key).

    `narrow`, for a layer that is not trusted:
      "free"    it grants nothing                   "kept"   only a trusted layer may say it
      "order"   it may move to the left in `order`  "fewer"  elements may go, none may come
      "more"    elements may come, none may go      "least"  a smaller number; 0 is no limit
      "limit"   a smaller number; None is what the host gives
      "hosts", "mounts"  see `merge`
    """

    merge: str
    narrow: str
    order: tuple[object, ...] = ()


KEYS: dict[str, Key] = {
    "description": Key("scalar", "free"),
    "experimental": Key("scalar", "order", (True, False)),
    "agents": Key("list", "fewer"),
    "workspaces_path": Key("scalar", "kept"),
    "sandbox.root": Key("scalar", "order", ("minimal", "host-ro")),
    "sandbox.home": Key("scalar", "order", ("isolated", "host-ro")),
    "sandbox.home_allow": Key("list", "fewer"),
    "sandbox.toolchains": Key("scalar", "order", ("off", "auto")),
    "sandbox.network_mode": Key("scalar", "order", NETWORK),
    "sandbox.network_allow": Key("list", "hosts"),
    "sandbox.network_deny": Key("deny", "more"),
    "sandbox.network_ask": Key("scalar", "order", (False, True)),
    "sandbox.clipboard": Key("scalar", "order", (False, True)),
    "sandbox.pid_namespace": Key("scalar", "order", (True, False)),
    "sandbox.git_dir": Key("scalar", "order", ("ro", "protected", "rw")),
    "sandbox.protect": Key("deny", "more"),
    "sandbox.mask": Key("deny", "more"),
    "sandbox.allow": Key("list", "fewer"),
    "sandbox.cgroup_manager": Key("scalar", "kept"),
    "sandbox.seccomp": Key("scalar", "order", ("default", "off")),
    "sandbox.require": Key("deny", "more"),
    "sandbox.login": Key("scalar", "order", ("off", "copy", "sync")),
    "sandbox.limits.memory": Key("scalar", "limit"),
    "sandbox.limits.cpu": Key("scalar", "limit"),
    "sandbox.limits.pids": Key("scalar", "limit"),
    "mounts": Key("table", "mounts"),
    "env.passthrough": Key("list", "fewer"),
    "env.inherit_all": Key("scalar", "order", (False, True)),
    "env.set": Key("table", "kept"),
    "env.path_prepend": Key("first", "fewer"),
    "git.strip_sections": Key("deny", "more"),
    "git.overrides": Key("table", "kept"),
    # the command decides which agent's state, hosts and credentials the box gets
    "entrypoint.cmd": Key("scalar", "kept"),
    "entrypoint.args": Key("words", "kept"),
    "entrypoint.interactive": Key("scalar", "free"),
    "entrypoint.tui": Key("scalar", "free"),
    "entrypoint.cursor_fix": Key("scalar", "free"),
    "entrypoint.workdir": Key("scalar", "kept"),  # it is mounted writable
    "entrypoint.history": Key("list", "kept"),
    "output.summary": Key("scalar", "free"),
    "output.log": Key("scalar", "kept"),  # a place on the host that is written to
    "output.timeout_seconds": Key("scalar", "least"),
    "noop.block": Key("deny", "more"),
    "noop.rewrite": Key("table", "kept"),
    "credentials": Key("table", "kept"),
    "agent": Key("table", "kept"),  # names files of home that go into the box
    "verify.custom.checks": Key("list", "more"),
}

_TABLES = tuple(f"{name}." for name, key in KEYS.items() if key.merge == "table")


def name_of(leaf: str) -> str:
    """The name in KEYS of a leaf: `mounts` for `mounts.~/.m2`, `env.set` for `env.set.FOO`, else the leaf itself."""
    for table in _TABLES:
        if leaf.startswith(table):
            return table[:-1]
    return leaf
