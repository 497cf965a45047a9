"""Any bytes as a `.git` file, as git's settings in the project, as a downloaded profile; any names in a path that is expanded."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import tomli_w
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from test_merge_laws import granted
from test_project_laws import PROFILE, values

from inner.config.document import parse
from inner.errors import InnerError
from inner.host import RealHost
from inner.origin import Origin
from inner.paths import HostPath
from inner.plan import repository
from inner.plan.gitdir import GitDir
from inner.profile.expand import Expander
from inner.profile.merge import fold
from inner.profile.resolve import profile
from inner.profile.source import source

RELAXED = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
WHERE = Origin("user", "p.toml", 3)


@contextmanager
def place() -> Iterator[tuple[Path, RealHost]]:
    """A home with a secret folder that could pass for a git folder, and a project."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder).resolve() / "home"
        (home / "proj/src").mkdir(parents=True)
        for name in (".ssh", "proj/store"):
            for inside in ("objects", "refs"):
                (home / name / inside).mkdir(parents=True)
            (home / name / "HEAD").write_text("ref: refs/heads/main\n")
        yield home, RealHost({"HOME": str(home)}, cwd=str(home / "proj"))


PIECES = st.sampled_from(
    [
        b"gitdir: ",
        b"gitdir:",
        b"../",
        b".ssh",
        b"store",
        b"/",
        b"\n",
        b"\0",
        b"\xff",
        b" ",
        b"~",
        b"$HOME",
        b"..",
        b".git",
        b"\r",
        b"\x1b]0;",
    ]
)
GITFILE = st.binary(max_size=60) | st.lists(PIECES, max_size=8).map(b"".join)


@RELAXED
@given(GITFILE)
@example(b"gitdir: ../.ssh\n")
@example(b"gitdir: ../.ssh")
@example(b"gitdir: store\n")
@example(b"gitdir: " + b"../" * 1500)
@example(b"gitdir: /proc/self/root\n")
def test_a_git_file_names_nothing_that_does_not_point_back(content: bytes) -> None:
    with place() as (home, host):
        project = home / "proj"
        (project / ".git").write_bytes(content)
        found, reason = repository.find(host, str(project), home=str(home))
        assert found is None
        assert reason
        try:
            made = GitDir(host, HostPath(str(project)), "protected", WHERE, home=str(home), run_dir="/run/x", mounts=(), git=True)
        except InnerError as problem:
            assert problem.message
        else:
            assert not any(str(getattr(mount, "src", "")).startswith(str(home / ".ssh")) for mount in made.mounts)


CONFIG = st.binary(max_size=80) | st.lists(
    st.sampled_from(
        [b"[core]\n", b"[include]\n", b'[includeIf "gitdir:/"]\n', b"\thooksPath = ", b"\tpath = ", b"../a", b"../../.ssh/x", b"a\n", b"src", b"~/x", b"/", b"\n", b'"', b"\\", b"\0", b"\xff", b"[alias]\n\tx = !"]
    ),
    max_size=12,
).map(b"".join)  # fmt: skip


@RELAXED
@given(CONFIG, CONFIG)
@example(b"[include]\n\tpath = ../a\n", b"[include]\n\tpath = a\n")
@example(b"[include]\n\tpath = ../a\n", b"[core]\n\thooksPath = src\n")
def test_what_git_s_settings_name_is_protected_below_the_project_or_not_at_all(config: bytes, included: bytes) -> None:
    with place() as (home, host):
        project = home / "proj"
        (project / "store").rename(project / ".git")
        (project / ".git/config").write_bytes(config)
        (project / "a").write_bytes(included)
        try:
            made = GitDir(host, HostPath(str(project)), "protected", WHERE, home=str(home), run_dir="/run/x", mounts=(), git=True)
        except InnerError as problem:
            assert (problem.message + problem.hint).isprintable() or "\n" in problem.hint
            return
        for path in made.protect:
            assert os.path.normpath(path).startswith(f"{project}/")


@RELAXED
@given(st.binary(max_size=300) | PROFILE.map(lambda data: tomli_w.dumps(data).encode()))
@example(b'schema_version = "1"\nextends = "/etc/passwd"\n')
@example(b'schema_version = "1"\n[sandbox]\nnetwork_mode = "full"\nhome = "host-ro"\nseccomp = "off"\n')
@example(b'schema_version = "1"\n[env]\ninherit_all = true\n[mounts]\n"/" = "rw"\n')
@example(b'schema_version = "1"\n[agent.x]\ncommands = ["sh"]\nlogins = [{path = ".ssh/id_rsa"}]\n')
@example(b'schema_version = "1"\n[credentials.x]\nsource = "command:id"\nhosts = ["h.test"]\n')
def test_a_downloaded_profile_grants_nothing_and_its_bytes_speak_to_no_terminal(content: bytes) -> None:
    try:
        found = source(parse(content, file="https://h.test/p.toml", source="remote", trusted=False))
    except InnerError as problem:
        assert (problem.message + problem.hint).replace("\n", "").isprintable()
        return
    assert found is not None
    base = profile("base", fold([]))
    assert granted(values(profile("p", fold([found.layer])))) <= granted(values(base))


NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12) | st.sampled_from(
    ["..", "$HOME", "${A}", "~", "~root", "\x1b[2J", "a\nb", "%s", "-rf", "$(id)", "`id`"]
)


@RELAXED
@given(NAMES, NAMES, NAMES)
@example("$B", "..", "\x1b]0;x\x07")
def test_names_of_folders_are_data_when_a_path_is_expanded(home: str, value: str, workdir: str) -> None:
    expander = Expander(env={"A": value}, home=f"/{home}", uid=7, workdir=f"/{workdir}", workspaces_path="/ws")  # type: ignore[call-arg]
    assert expander.expand("~/x", WHERE) == f"/{home}/x"
    assert expander.expand("/y/${A}", WHERE) == f"/y/{value}"
    assert expander.expand("${workdir}/x", WHERE) == f"/{workdir}/x"
