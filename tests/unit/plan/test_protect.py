"""Which names of a project are protected, what is put in the place of missing ones, and what a mask covers."""

import pytest

from inner.errors import ConfigError
from inner.facts import Facts
from inner.host import Stat
from inner.origin import INNER
from inner.paths import HostPath
from inner.plan.model import Bind
from inner.plan.protect import ALWAYS, LATE, MOST_FOLDERS, Protection, masks, placeholder

P = HostPath("/home/user/project")


def host(tree):
    return Facts({P: "dir", **{f"{P}/{name}": what for name, what in tree.items()}}, env={})


def protection(tree, names, *, absent="placeholder", taken=()):
    made = Protection(host(tree), P, taken)
    made.add(names, absent=absent)
    return made


def modes(made):
    return [(m.dest[len(P) + 1 :], m.mode) for m in made.mounts]


def test_what_exists_is_read_only_and_what_lies_above_is_pinned():
    assert modes(protection({"a/b/c": "file"}, ["a/b/c"])) == [("a/b", "rw"), ("a", "rw"), ("a/b/c", "ro")]


def test_what_is_missing_gets_a_placeholder_where_its_folder_exists():
    made = protection({"a": "dir"}, ["a/x.json", ".vscode/", "no/where"])
    assert [(p.path[len(P) + 1 :], p.kind, p.content) for p in made.placeholders] == [
        ("a/x.json", "file", b"{}\n"),
        (".vscode", "dir", b""),
    ]
    assert made.late == ["no/where"]


def test_rare_names_are_looked_for_afterwards():
    made = protection({".vimrc": "file"}, LATE, absent="late")
    assert made.existing == [".vimrc"]
    assert not made.placeholders
    assert set(made.late) == set(LATE) - {".vimrc"}


def test_the_placeholder_of_another_box_is_held_as_well():
    tree = {".vscode": "dir", ".mcp.json": Stat("file", 0o444, 1000, 1000, 3)}
    facts = host(tree)
    facts._content[f"{P}/.mcp.json"] = b"{}\n"
    made = Protection(facts, P, ())
    made.add([".vscode/", ".mcp.json"], absent="placeholder")
    assert len(made.placeholders) == 2
    assert made.existing == []


@pytest.mark.parametrize("tree", [{".vscode/x": "file"}, {".mcp.json": ("file", b"{}\n")}])
def test_what_the_user_has_is_no_placeholder(tree):
    assert protection(tree, [".vscode/", ".mcp.json"]).existing == [name.partition("/")[0] for name in tree]


@pytest.mark.parametrize(
    "tree", [{".vscode": "link:/elsewhere"}, {"a": "link:b", "b/.vscode": "dir"}, {".vscode": "link:missing"}]
)
def test_a_link_on_the_way_is_refused(tree):
    with pytest.raises(ConfigError, match="is a symbolic link"):
        protection(tree, [".vscode/", "a/.vscode"])


@pytest.mark.parametrize("name", ["/etc/passwd", "..", "../x", ".", "a/../..", "/home/user"])
def test_what_is_not_of_the_project_is_refused(name):
    with pytest.raises(ConfigError, match="not below"):
        protection({}, [name])


def test_what_the_profile_mounts_itself_is_the_profiles():
    assert modes(protection({".claude": "dir"}, ALWAYS, taken=[f"{P}/.claude", P])) == [
        (n.rstrip("/"), "ro") for n in ALWAYS if n != ".claude/"
    ]


def test_a_name_below_a_protected_folder_needs_no_mount_of_its_own():
    made = protection({".claude": "dir", ".claude/hooks": "dir"}, [".claude/", ".claude/hooks", ".claude/settings.json"])
    assert modes(made) == [(".claude", "ro")]
    assert all(isinstance(m, Bind) for m in made.mounts)


@pytest.mark.parametrize(
    ("name", "kind", "content"),
    [
        (".git/", "dir", b""),
        (".mcp.json", "file", b"{}\n"),
        ("x.toml", "file", b""),
        ("Makefile", "dir", b""),
        (".agents", "dir", b""),
    ],
)
def test_placeholders(name, kind, content):
    made = placeholder(f"{P}/{name.rstrip('/')}", name)
    assert (made.kind, made.content) == (kind, content)


TREE = {
    ".env": "file",
    ".env.local": "file",
    "a/.env": "file",
    "a/b/c/k.pem": "file",
    "a/b/c/d/e/k.pem": "file",
    "keys": "dir",
    "out": "link:/etc/passwd",
    "in": "link:a/.env",
}


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        (".env*", [".env", ".env.local"]),
        ("*/.env", ["a/.env"]),
        ("**/.env", [".env", "a/.env"]),
        ("**/*.pem", ["a/b/c/k.pem"]),
        ("a/**/*.pem", ["a/b/c/k.pem", "a/b/c/d/e/k.pem"]),
        ("keys", ["keys"]),
        (f"{P}/keys", ["keys"]),
        ("out", []),
        ("in", ["a/.env"]),
        ("nothing", []),
        ("?eys", ["keys"]),
    ],
)
def test_masks(pattern, found):
    made = masks(host(TREE), P, [(pattern, INNER)])
    assert sorted(m.dest[len(P) + 1 :] for m in made) == sorted(found)
    assert {m.kind for m in made if m.dest.endswith("keys")} <= {"dir"}


@pytest.mark.parametrize("pattern", ["/etc/passwd", "../x", "", "a/../../x", "[ab]", "~/x/../../y"])
def test_patterns_that_cannot_be_for_the_project(pattern):
    with pytest.raises(ConfigError, match="not a pattern"):
        masks(host(TREE), P, [(pattern, INNER)])


def test_a_pattern_that_would_look_everywhere_is_refused():
    tree = {f"d{n}": "dir" for n in range(MOST_FOLDERS + 1)}
    with pytest.raises(ConfigError, match="more than 2000 folders"):
        masks(host(tree), P, [("**/x", INNER)])
    assert masks(host(tree), P, [("*/x", INNER)]) == []
