"""What each key of the format means, in a line or two: the reference page, the schema for editors and nothing else are made of it."""

from __future__ import annotations

from inner.frozen import TYPE_CHECKING
from inner.profile.keys import KEYS
from inner.profile.merge import default

if TYPE_CHECKING:
    from collections.abc import Iterator

MERGES = {
    "scalar": "the child's",
    "list": "united, base first",
    "first": "united, child first",
    "deny": "only grows",
    "words": "the child's, as a whole",
    "table": "entry by entry",
}
NARROWS = {
    "free": "yes",
    "kept": "no",
    "order": "to the left",
    "fewer": "fewer",
    "more": "more",
    "least": "shorter",
    "limit": "lower",
    "hosts": "fewer; any when it gives up `full`",
    "mounts": "the same place in a lesser mode",
}
TABLES = {
    "": "Top level",
    "sandbox": "`[sandbox]`",
    "sandbox.limits": "`[sandbox.limits]`",
    "mounts": "`[mounts]`",
    "env": "`[env]`",
    "git": "`[git]`",
    "entrypoint": "`[entrypoint]`",
    "output": "`[output]`",
    "noop": "`[noop]`",
    "credentials": "`[credentials.NAME]`",
    "agent": "`[agent.NAME]`",
    "verify.custom": "`[verify.custom]`",
}
# keys that are not merged, and other spellings of those that are
OTHERS = {
    "schema_version": 'always `"1"`; the one key that a file must have (not an inline `[profiles.NAME]`)',
    "name": "for people; a profile in a folder of profiles goes by the name of its file",
    "extends": "a profile that this one builds on: a name, or a path relative to this file. Chains are followed, circles refused",
    "capabilities": "another spelling of `agents`",
    "sandbox.network": "another spelling of `network_mode`: `true` is `full`, `false` is `off`; `network_mode` beside it wins",
    "env.inherit": "another spelling of `passthrough`",
    "env.clearenv": "accepted, without effect: the environment is always cleared",
}
MEANING = {
    "description": "one line for people",
    "experimental": "`true`: `inner run` refuses the profile",
    "agents": "the coding agents that run in the box: each brings its settings, hosts and a private copy of its login",
    "workspaces_path": "what `${workspaces_path}` stands for",
    "sandbox.root": "`minimal`: an empty root with the system in it, read-only; `host-ro`: the whole root of the host, read-only",
    "sandbox.home": "`isolated`: an empty home in memory; `host-ro`: yours, read-only, secrets hidden",
    "sandbox.home_allow": "files and folders of your home that an isolated home shows, read-only",
    "sandbox.toolchains": "`auto`: what `PATH` needs of your home is found and shown, read-only; `off`: it is not",
    "sandbox.network_mode": "`off`; `allowlist`: the hosts of `network_allow` and nothing else; `full`: what the host reaches",
    "sandbox.network_allow": "`HOST` (ports 80 and 443), `HOST:PORT`, `*.HOST`, an address, or a group such as `@pip`",
    "sandbox.network_deny": "hosts, the same way, on every port; goes before `network_allow`",
    "sandbox.network_ask": "`true`: a connection to a host on neither list waits a minute for your answer (`inner approvals`)",
    "sandbox.clipboard": "the display server, and the clipboard with it",
    "sandbox.pid_namespace": "`false`, by which the box would see the processes of the host, is refused by this version",
    "sandbox.git_dir": "`.git` of the project: `ro`; `protected`: commits work, hooks and configuration are held; `rw`",
    "sandbox.protect": "more files of the project that are read-only in the box",
    "sandbox.mask": "files of the project that are hidden from the box; patterns as in `.gitignore`",
    "sandbox.allow": "keys that show something hidden: `npmrc`, `ssh-keys`, `docker-socket` and the like",
    "sandbox.cgroup_manager": 'for containers in the box: `"cgroupfs"` or `"systemd"`',
    "sandbox.seccomp": "`default`: system calls are filtered; `off`: they are not",
    "sandbox.require": 'refuse the run without: `"limits"` (they must be enforced), `"record"` (it must be written)',
    "sandbox.login": "the login of an agent: `off`, `copy` (for this run) or `sync` (what it renews is kept)",
    "sandbox.limits.memory": 'such as `"4G"`; found from the host when left out (half of it, between 512M and 8G)',
    "sandbox.limits.cpu": 'cores such as `1.5`, or `"150%"`; found from the host when left out (half of them)',
    "sandbox.limits.pids": "processes; 512 when left out",
    "mounts": '`"SRC" = "MODE"`, or `"SRC" = { dest = "DEST", mode = "MODE" }`: `ro` (default), `rw`, `safe-rw` (a private copy), `overlay`, `tmpfs`',
    "env.passthrough": "variables of the host that pass, by name",
    "env.inherit_all": "`true`: all of them pass, secrets too",
    "env.set": "variables with their values",
    "env.path_prepend": "folders that come first on `PATH`",
    "git.strip_sections": "sections of your git configuration that do not pass",
    "git.overrides": "keys of git with their values",
    "entrypoint.cmd": "the command; your `$SHELL` when left out",
    "entrypoint.args": "its arguments; those of the command line follow",
    "entrypoint.interactive": "`true`: a terminal of its own; `false`: none; as it is where inner is started when left out",
    "entrypoint.tui": "accepted, without effect: every box at a terminal has one of its own, on which a program can draw as it likes",
    "entrypoint.cursor_fix": "accepted, without effect: after every run the terminal is put back as it was, whatever a program left",
    "entrypoint.workdir": "the folder to work in, writable; the current one when left out",
    "entrypoint.history": "lines that the shell of the box remembers",
    "output.summary": "`true`: a line at the end of the run",
    "output.log": 'a file that gets all output; `"auto"`: one for each run',
    "output.timeout_seconds": "the run is ended after this time; 0 for never",
    "noop.block": "commands that fail in the box",
    "noop.rewrite": "commands that become another command line",
    "credentials": "`source` (`env:VAR`, `file:PATH`, `command:...`, `keyring:...`), `hosts`, `header`, `format`: a secret that is put on requests to "
    "`hosts`, outside of the box",
    "agent": "an agent that inner does not know: `commands`, `env`, `keys`, `seeds`, `logins`, `hosts`, `optional`, `protected`, `base_urls`",
    "verify.custom.checks": "checks of `inner verify`: `name`, `cmd` (good when it ends with 0), `severity`",
}


def rows() -> Iterator[tuple[str, str, str, str, str, str]]:
    """(table, key, default, meaning, merge, what a layer that is not trusted may do) of every key, tables in order."""
    for table in TABLES:
        for name, meaning in OTHERS.items():
            if name.rpartition(".")[0] == table:
                yield table, name.rpartition(".")[2], "", meaning, "", ""
        for name, key in KEYS.items():
            whole = name in TABLES
            if (name if whole else name.rpartition(".")[0]) != table:
                continue
            values = [shown(value) for value in key.order]
            narrow = f"{NARROWS[key.narrow]}: {', '.join(values)}" if key.order else NARROWS[key.narrow]
            said = "" if whole else shown(default(name))
            yield table, "" if whole else name.rpartition(".")[2], said, MEANING[name], MERGES[key.merge], narrow


def shown(value: object) -> str:
    """A value as TOML writes it; "" for what is found or left out."""
    if value is None or value == "":
        return ""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, str):
        return f'`"{value}"`'
    return "`[]`" if value == () else "`{}`" if value == {} else f"`{value}`"


def page() -> str:
    """All tables, as Markdown."""
    text, last = "", None
    for table, key, value, meaning, merge, narrow in rows():
        if table != last:
            text += f"\n## {TABLES[table]}\n\n| key | default | meaning | merge | without trust |\n|---|---|---|---|---|\n"
            last = table
        name = f"`{key}`" if key else "the table"
        text += f"| {' | '.join((name, value, meaning.replace('|', chr(92) + '|'), merge, narrow))} |\n".replace(
            "|  |", "| |"
        ).replace("|  |", "| |")
    return text
