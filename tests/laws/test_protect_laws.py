"""For any project and any names: what is protected is read-only, and nothing above it can be moved away. And names of refs."""

import os
import subprocess

from hypothesis import given, settings
from hypothesis import strategies as st

from inner.errors import ConfigError
from inner.facts import Facts
from inner.launch.gitobjects import is_name
from inner.paths import BoxPath, HostPath, ancestors
from inner.plan.model import Bind, Tmpfs
from inner.plan.mounts import MountTable, order, scaffolding, simplify
from inner.plan.protect import Protection

P = HostPath("/home/user/project")
part = st.sampled_from(["a", "b", ".vscode", ".c.json"])
path = st.lists(part, min_size=1, max_size=4).map("/".join)
kinds = st.sampled_from(["file", "dir", "link:a", "link:/etc"])


@given(
    st.dictionaries(path, kinds, max_size=6),
    st.lists(st.tuples(path, st.booleans()), max_size=6),
    st.sampled_from(["placeholder", "late"]),
)
@settings(max_examples=400)
def test_protected_paths_are_read_only_and_pinned(tree, names, absent):
    files = {name for name, kind in tree.items() if kind != "dir"}
    tree = {name: kind for name, kind in tree.items() if not any(above in files for above in parents(name))}
    host = Facts({P: "dir", **{f"{P}/{name}": kind for name, kind in tree.items()}}, env={})
    made = Protection(host, P, ())
    wanted = [name + "/" * folder for name, folder in names]
    try:
        made.add(wanted, absent=absent)
    except ConfigError:
        assert any(kind.startswith("link") for kind in tree.values())
        return
    mounts = simplify(order([Tmpfs(BoxPath("/")), Bind(P, BoxPath(P), "rw"), *made.without_pins(made.mounts)]))
    table, points = MountTable(mounts, host), {mount.dest for mount in mounts}
    placed = {place.path for place in made.placeholders}
    for name in (name.rstrip("/") for name in wanted):
        full = f"{P}/{name}"
        if any(late in (name, *parents(name)) for late in made.late):
            assert host.lstat(full) is None
            continue
        seen = table.at(full, follow=False)
        assert seen.absent or seen.mode == "ro"
        top = next(
            (
                m.dest
                for m in mounts
                if isinstance(m, Bind) and m.mode == "ro" and (full == m.dest or full.startswith(m.dest + "/"))
            ),
            None,
        )
        assert top is not None
        assert all(above in points for above in ancestors(top) if above.startswith(P))
    try:
        assert set(scaffolding(mounts, host)) <= placed
    except ConfigError:
        assert any(kind == "file" for kind in tree.values())


def parents(name):
    return [above.lstrip("/") for above in ancestors("/" + name) if above != "/"]


@given(
    st.lists(
        st.text(st.sampled_from("abz019-_./~^:?*[\\@{ \t\x7f\x1bü") | st.characters(), max_size=12), min_size=40, max_size=40
    )
)
@settings(max_examples=15, deadline=None)
def test_names_of_refs_that_are_taken_over_are_names_to_git(texts):
    for text in texts:
        name = "refs/heads/" + text
        try:
            os.fsencode(name)
        except UnicodeEncodeError:
            continue
        if is_name(name):
            assert subprocess.run(["git", "check-ref-format", name], check=False).returncode == 0, name
            assert name.isprintable()


def test_usual_names_are_names():
    for name in (
        "refs/heads/main",
        "refs/heads/feature/x-1.2",
        "refs/tags/v1.0",
        "refs/heads/ü",
        "refs/notes/commits",
        "refs/heads/a@b",
    ):
        assert is_name(name)
    for name in (
        "refs/heads/",
        "refs/heads/-x",
        "refs/heads/a..b",
        "refs/heads/a.lock",
        "refs/heads/.a",
        "refs/heads/a\x1b",
        "HEAD",
        "refs/heads/a b",
        "refs/heads/@{x}",
    ):
        assert not is_name(name)
