"""The algebra of layers: composition is what applying in turn does, it is associative, a denial stays, and what is not trusted narrows."""

from __future__ import annotations

import marshal
from collections.abc import Mapping

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inner.config.quantity import FOUND_AT_LEAST
from inner.origin import Origin
from inner.profile.compiled import from_plain, to_plain
from inner.profile.keys import KEYS, name_of
from inner.profile.layer import AtLeast, Edit, Layer, Set
from inner.profile.merge import apply, compose, default, fold, narrow, within
from inner.profile.model import AgentSpec, Credential, CustomCheck, LoginSpec, MountSpec
from inner.profile.resolve import profile
from inner.profile.wider import wider

LAW = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
WORDS = ("a", "b", "c", "d")
CHECKS = tuple(CustomCheck(name, "true") for name in WORDS[:3])
ITEMS = {"verify.custom.checks": CHECKS}
ENTRIES = {
    "mounts": [
        MountSpec(src, dest, mode)
        for src in ("~/a", "~/b")
        for dest in ("", "/x")
        for mode in ("ro", "rw", "safe-rw", "tmpfs", "overlay")
    ],
    "env.set": ["", "1"],
    "git.overrides": ["x", "y"],
    "noop.rewrite": ["podman", "true"],
    "credentials": [Credential("env:A", ("a.test",)), Credential("env:B", ("b.test",))],
    "agent": [
        AgentSpec(),
        AgentSpec(
            ("x",), {"A": "1"}, (), {}, (LoginSpec(".x", ("k",), "", True),), ("h.test",), (), (), {"B": ("h", "/", "x", "K")}
        ),
    ],
}
SCALARS = {
    "limit": {"memory": [None, 1 << 20, 1 << 30, 1 << 40], "cpu": [None, 0.5, 1.0, 64.0], "pids": [None, 1, 512, 4096]},
    "least": [0, 0.5, 60, 3600],
}
LEAVES = [
    leaf
    for name, key in KEYS.items()
    for leaf in (
        [f"{name}.{entry}" for entry in (("~/a", "~/b") if name == "mounts" else ("A", "B.c"))]
        if key.merge == "table"
        else [name]
    )
]


def values(leaf: str) -> list[object]:
    """What a leaf that is no list can be set to."""
    key = KEYS[name_of(leaf)]
    if key.merge == "table":
        return [value for value in ENTRIES[name_of(leaf)] if not isinstance(value, MountSpec) or leaf.endswith(value.src)]
    if key.order:
        return list(key.order)
    if key.narrow == "limit":
        return SCALARS["limit"][leaf.rpartition(".")[2]]  # type: ignore[index,call-overload,no-any-return]
    if key.narrow == "least":
        return list(SCALARS["least"])
    have = default(leaf)
    return [True, False] if isinstance(have, bool) or have is None else ["", "x", "y"]


def patches(leaf: str) -> st.SearchStrategy[object]:
    """Anything that a layer may do to a leaf, also what the text boundary would not let through."""
    key = KEYS[name_of(leaf)]
    if key.merge in ("list", "first", "deny", "words"):
        some = st.lists(st.sampled_from(ITEMS.get(leaf, WORDS)), max_size=3)
        if key.merge != "words":
            some = some.map(lambda items: list(dict.fromkeys(items)))
        parts = some.map(tuple)
        return st.builds(Set, parts) | (st.nothing() if key.merge == "words" else st.builds(Edit, parts, parts, parts))
    plain = st.builds(Set, st.sampled_from(values(leaf)))
    return plain | st.builds(AtLeast, st.sampled_from(("off", "allowlist", "full"))) if leaf == "sandbox.network_mode" else plain


def bases(leaf: str) -> st.SearchStrategy[object]:
    return st.lists(patches(leaf), max_size=2).map(lambda found: _applied(leaf, found))


def _applied(leaf: str, found: list[object]) -> object:
    value = default(leaf)
    for patch in found:
        value = apply(leaf, patch, value)  # type: ignore[arg-type]
    return value


LEAF = st.sampled_from(LEAVES)
TRIPLE = LEAF.flatmap(lambda leaf: st.tuples(st.just(leaf), bases(leaf), patches(leaf), patches(leaf), patches(leaf)))
PATCH = st.lists(LEAF, max_size=8, unique=True).flatmap(
    lambda found: st.fixed_dictionaries({leaf: patches(leaf) for leaf in found})
)


def layer(source: str, patch: Mapping[str, object], *, trusted: bool = True) -> Layer:
    return Layer(Origin(source, f"/{source}"), patch, {}, trusted)  # type: ignore[arg-type]


@LAW
@given(TRIPLE)
def test_applying_in_turn_is_applying_the_composition(case: tuple[str, object, object, object, object]) -> None:
    leaf, base, first, then, _ = case
    assert apply(leaf, compose(leaf, first, then), base) == apply(leaf, then, apply(leaf, first, base))  # type: ignore[arg-type]


@LAW
@given(TRIPLE)
def test_composition_is_associative(case: tuple[str, object, object, object, object]) -> None:
    leaf, base, *patched = case
    a, b, c = patched
    left, right = compose(leaf, compose(leaf, a, b), c), compose(leaf, a, compose(leaf, b, c))  # type: ignore[arg-type]
    assert apply(leaf, left, base) == apply(leaf, right, base)


@LAW
@given(TRIPLE)
def test_the_empty_edit_is_the_identity(case: tuple[str, object, object, object, object]) -> None:
    leaf, base, patch, _, _ = case
    if isinstance(base, tuple) and KEYS[name_of(leaf)].merge != "words":
        assert apply(leaf, Edit(), base) == base
        assert apply(leaf, compose(leaf, Edit(), patch), base) == apply(leaf, patch, base)  # type: ignore[arg-type]
        assert apply(leaf, compose(leaf, patch, Edit()), base) == apply(leaf, patch, base)  # type: ignore[arg-type]


@LAW
@given(PATCH, PATCH)
def test_an_empty_layer_changes_nothing(one: dict[str, object], other: dict[str, object]) -> None:
    empty = layer("project", {})
    found = fold([layer("system", one), layer("user", other)])
    assert fold([empty, layer("system", one), empty, layer("user", other), layer("project", {}, trusted=False)]) == found


@LAW
@given(PATCH, PATCH, st.booleans())
def test_a_denial_stays_whoever_speaks(one: dict[str, object], other: dict[str, object], trusted: bool) -> None:
    before = fold([layer("user", one)]).values
    after = fold([layer("user", one), layer("project", other, trusted=trusted)]).values
    for name in (name for name, key in KEYS.items() if key.merge == "deny"):
        assert set(before.get(name, ())) <= set(after.get(name, ()))  # type: ignore[call-overload]


# What a box may do, said a second time and otherwise: as sets of single permissions. Keys that forbid count by what they leave.
FORBIDS = {
    "sandbox.network_deny",
    "sandbox.protect",
    "sandbox.mask",
    "sandbox.require",
    "git.strip_sections",
    "noop.block",
    "verify.custom.checks",
}
NOTHING = {"description", "entrypoint.interactive", "entrypoint.tui", "entrypoint.cursor_fix", "output.summary"}
STEPS = {
    "experimental": (True, False), "sandbox.root": ("minimal", "host-ro"), "sandbox.home": ("isolated", "host-ro"), "sandbox.toolchains": ("off", "auto"),
    "sandbox.network_mode": ("off", "allowlist", "full"), "sandbox.network_ask": (False, True), "sandbox.clipboard": (False, True), "sandbox.pid_namespace": (True, False),
    "sandbox.git_dir": ("ro", "protected", "rw"), "sandbox.seccomp": ("default", "off"), "sandbox.login": ("off", "copy", "sync"), "env.inherit_all": (False, True),
}  # fmt: skip
MODES = {
    "tmpfs": set(),
    "ro": {"read"},
    "overlay": {"read", "change"},
    "safe-rw": {"read", "change"},
    "rw": {"read", "change", "write"},
}
LISTS = {"agents", "sandbox.home_allow", "sandbox.allow", "env.passthrough", "env.path_prepend", "sandbox.network_allow"}


def granted(found: Mapping[str, object]) -> set[tuple[object, ...]]:
    may: set[tuple[object, ...]] = set()
    mode = found.get("sandbox.network_mode", "off")
    for leaf in {*found, *(name for name in KEYS if KEYS[name].merge != "table")}:
        name, value = name_of(leaf), found.get(leaf, default(leaf) if name_of(leaf) == leaf else None)
        if name in NOTHING:
            continue
        if name == "sandbox.network_allow":
            hosts = WORDS if mode == "full" else value if mode == "allowlist" else ()
            may |= {("reach", host) for host in hosts}  # type: ignore[attr-defined]
        elif name in FORBIDS:
            pool = ITEMS.get(name, WORDS)
            may |= {(name, "not forbidden", item) for item in pool if item not in value}  # type: ignore[operator]
        elif name in STEPS:
            may |= {(name, step) for step in range(STEPS[name].index(value) + 1)}
        elif name in LISTS:
            may |= {(name, item) for item in value}  # type: ignore[attr-defined]
        elif name == "mounts":
            assert isinstance(value, MountSpec)
            may |= {("mount", leaf, value.dest, what) for what in MODES[value.mode]}
            may.add(("a mount at", leaf, value.dest))
        elif name == "output.timeout_seconds":
            may |= {(name, step) for step in (0.5, 60, 3600, 1e9) if value == 0 or step <= value}  # type: ignore[operator]
        elif name.startswith("sandbox.limits."):
            kind = name.rpartition(".")[2]
            most = FOUND_AT_LEAST[kind] if value is None else value
            may |= {(name, step) for step in SCALARS["limit"][kind] if step is not None and step <= most}  # type: ignore[index,call-overload,operator]
            if value is None:
                may.add((name, "what the host has"))
        else:  # what only a trusted layer may say at all
            may.add((name, leaf, repr(value)))
    return may


def test_every_key_is_known_to_the_second_description() -> None:
    said = (
        FORBIDS
        | NOTHING
        | STEPS.keys()
        | LISTS
        | {"mounts", "output.timeout_seconds"}
        | {f"sandbox.limits.{name}" for name in FOUND_AT_LEAST}
    )
    assert {name for name, key in KEYS.items() if key.narrow == "kept"} == KEYS.keys() - said
    assert said <= KEYS.keys()


@LAW
@given(PATCH, PATCH, PATCH, PATCH)
def test_all_that_an_untrusted_layer_leaves_was_granted_before(system: dict, user: dict, project: dict, again: dict) -> None:  # type: ignore[type-arg]
    trusted = [layer("system", system), layer("user", user)]
    before = fold(trusted).values
    after = fold([*trusted, layer("project", project, trusted=False), layer("project", again, trusted=False)]).values
    assert granted(after) <= granted(before)


@LAW
@given(PATCH, PATCH)
def test_what_is_refused_is_told_and_the_rest_is_taken(user: dict, project: dict) -> None:  # type: ignore[type-arg]
    before = fold([layer("user", user)]).values
    folded = fold([layer("user", user), layer("project", project, trusted=False)])
    wanted = fold([layer("user", user), layer("project", project)]).values
    told = {item.key for item in folded.refused}
    for leaf, value in wanted.items():
        if folded.values.get(leaf, default(leaf)) != value:
            assert (
                leaf in told
                or any(key.startswith(f"{leaf}[") for key in told)
                or KEYS[name_of(leaf)].narrow in ("more", "fewer", "hosts")
            ), leaf
    if not told:
        mode, base_mode = wanted.get("sandbox.network_mode", "off"), before.get("sandbox.network_mode", "off")
        for leaf, value in folded.values.items():
            assert within(leaf, value, before.get(leaf, default(leaf)), mode=str(mode), base_mode=str(base_mode)), leaf


@LAW
@given(PATCH, PATCH)
def test_narrowing_again_changes_nothing(user: dict, project: dict) -> None:  # type: ignore[type-arg]
    base = fold([layer("user", user)]).values
    taken, _ = narrow(project, base)
    once = fold([layer("user", user), layer("project", taken)]).values
    twice = fold([layer("user", user), layer("project", taken, trusted=False)]).values
    assert once == twice


@LAW
@given(PATCH, PATCH)
def test_nothing_is_shown_as_wider_exactly_when_the_layer_only_narrows(user: dict, project: dict) -> None:  # type: ignore[type-arg]
    base, top = [layer("user", user)], layer("project", project)
    shown = wider([*base, top], base)
    trusted, before = fold([*base, top]).values, fold(base).values
    if not shown:
        assert granted(trusted) <= granted(before)
    for item in shown:
        assert item.origin.source in ("project", "user", "inner")
        assert item.key in trusted or item.key in before


@LAW
@given(PATCH, PATCH)
def test_every_value_knows_the_layer_that_set_it(user: dict, project: dict) -> None:  # type: ignore[type-arg]
    folded = fold([layer("user", user), layer("project", project)])
    for leaf in folded.values:
        assert folded.origins[leaf].source == ("project" if leaf in project else "user")
    for leaf, value in folded.values.items():
        for item in value if isinstance(value, tuple) and KEYS[name_of(leaf)].merge in ("list", "first", "deny") else ():
            assert f"{leaf}[{getattr(item, 'name', item)}]" in folded.origins


@LAW
@given(PATCH, PATCH)
def test_a_profile_survives_being_stored(user: dict, project: dict) -> None:  # type: ignore[type-arg]
    folded = fold([layer("user", user), layer("project", project, trusted=False)])
    made = profile("x", folded, layers=(Origin("user", "/u"),), notices=("n",))
    assert from_plain(marshal.loads(marshal.dumps(to_plain(made)))) == made
