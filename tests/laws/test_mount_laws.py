"""What holds for every list of mounts on one tree."""

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from inner.bwrap import Features, words
from inner.errors import ConfigError
from inner.facts import Facts
from inner.paths import ancestors, covers
from inner.plan.model import Bind, Data, Dir, Mask, Plan, Symlink, Tmpfs
from inner.plan.mounts import MountTable, order, scaffolding, simplify

NAMES = ("a", "b", "c")
PATHS = ["/" + "/".join(parts) for depth in (1, 2, 3) for parts in itertools.product(NAMES, repeat=depth)]
HOST = Facts(
    {f"/h{path}": kind for path, kind in zip(PATHS, itertools.cycle(("dir", "dir", "file", "link:/a/b", "dir", "link:../b", "socket")), strict=False)
     if not any(f"/h{above}" in ("/h/c", "/h/a/a") for above in ancestors(path))} | {"/h/a/a": "file"},
    env={},
)  # fmt: skip
KINDS = {path: HOST.lstat(path).kind for path in ("/h" + place for place in PATHS) if HOST.lstat(path)}
SOURCES = sorted(path for path, kind in KINDS.items() if kind != "link")

modes, places = st.sampled_from(("ro", "rw")), st.sampled_from(PATHS)
binds = st.builds(
    lambda src, dest, mode: Bind(src, dest, mode, {"dir": "dir", "file": "file"}.get(KINDS[src], "other")),
    st.sampled_from(SOURCES),
    places,
    modes,
)
mirrors = st.builds(
    lambda dest, mode: Bind("/h" + dest, dest, mode, {"dir": "dir", "file": "file"}.get(KINDS.get("/h" + dest), "other")),
    places,
    modes,
)
mounts = st.one_of(
    binds,
    mirrors.filter(lambda bind: bind.src in SOURCES),
    st.builds(Tmpfs, places, mode=modes),
    st.builds(Mask, places, st.sampled_from(("dir", "file"))),
    st.builds(Data, places, st.binary(max_size=3), mode=modes),
    st.builds(Symlink, st.sampled_from(("a", "../b", "/c/a")), places),
    st.builds(Dir, places),
)
ROOT = Tmpfs("/", mode="ro")
lists = st.lists(mounts, max_size=12).map(lambda some: [ROOT, *some])
FEATURES = Features("/usr/bin/bwrap", (0, 8, 0), frozenset(("size", "disable-userns", "bind-fd", "ro-bind-fd")))


def accepted(ordered):
    try:
        scaffolding(ordered, HOST)
    except ConfigError:
        return False
    return True


@settings(database=None, deadline=None)
@given(lists)
def test_order_puts_parents_first_loses_no_place_and_changes_nothing_twice(some):
    ordered = order(some)
    assert order(ordered) == ordered
    assert {m.dest for m in ordered} == {m.dest for m in some}
    assert [m.dest for m in ordered if any(later.dest in ancestors(m.dest) for later in ordered[ordered.index(m) + 1 :])] == []


@settings(database=None, deadline=None)
@given(lists)
def test_simplify_changes_nothing_that_can_be_seen(some):
    ordered = order(some)
    fewer = simplify(ordered)
    assert set(fewer) <= set(ordered)
    assert simplify(fewer) == fewer
    if not accepted(ordered):
        return
    assert accepted(fewer)
    whole, less = MountTable(ordered, HOST), MountTable(fewer, HOST)
    for path in PATHS:
        for follow in (True, False):
            one, other = whole.at(path, follow=follow), less.at(path, follow=follow)
            assert (one.path, one.kind, one.mode, one.host, one.hidden) == (
                other.path,
                other.kind,
                other.mode,
                other.host,
                other.hidden,
            ), path


@settings(database=None, deadline=None)
@given(lists)
def test_mount_points_are_made_only_behind_writable_binds_and_only_where_nothing_is(some):
    ordered = order(some)
    if accepted(ordered):
        made = scaffolding(ordered, HOST)
        sources = [m.src for m in ordered if isinstance(m, Bind) and m.mode == "rw"]
        assert all(HOST.lstat(path) is None and any(covers(source, path) for source in sources) for path in made)
        assert all(covers(made[at], path) is False for at, _ in enumerate(made) for path in made[:at])  # outermost first
        assert len(set(made)) == len(made)


@settings(database=None, deadline=None)
@given(lists)
def test_no_answer_names_a_host_path_that_no_bind_covers(some):
    ordered = order(some)
    table, sources = MountTable(ordered, HOST), [m.src for m in ordered if isinstance(m, Bind)]
    for path in PATHS:
        found = table.at(path)
        assert not found.host or any(covers(source, found.host) for source in sources)
        assert (found.kind == "") == (found.mode == "")
        if found.hidden:
            assert found.mode != "rw"
            assert not found.host


@settings(database=None, deadline=None)
@given(lists)
def test_words_say_the_mounts_in_order_and_close_what_is_read_only_at_the_end(some):
    ordered = simplify(order(some))
    plan = Plan("x", ("true",), "/", "/", "/", ordered, ())
    try:
        line = words(plan, FEATURES, env={}, filter=None)
    except ConfigError:
        assert not accepted(ordered)
        return
    first = {}
    for at, word in enumerate(line):
        if isinstance(word, str) and word.startswith("/"):
            first.setdefault(word, at)
    if not any(isinstance(m, Symlink) for m in ordered):
        assert [m.dest for m in sorted(ordered, key=lambda m: first[m.dest])] == [m.dest for m in ordered]
    closed = [line[at + 1] for at, word in enumerate(line) if word == "--remount-ro"]
    assert closed[-1] == "/"
    assert {m.dest for m in ordered if isinstance(m, Tmpfs) and m.mode == "ro"} | {
        m.dest for m in ordered if m == Mask(m.dest)
    } == set(closed)
    tmpfs = [at for at, word in enumerate(line) if word == "--tmpfs"]
    assert all(line[at - 4] == "--size" and line[at - 2] == "--perms" for at in tmpfs)
