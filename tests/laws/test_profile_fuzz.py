"""Any bytes as a profile or as settings: an error with its place, or something valid, never a surprise. And the pieces below that."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator

import pytest
import tomli_w
from configured import FIXTURES
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from inner.config import quantity
from inner.config.document import parse
from inner.config.locate import DEPTH, lines
from inner.errors import ConfigError, InnerError
from inner.origin import Origin
from inner.profile.expand import Expander
from inner.profile.merge import fold
from inner.profile.resolve import profile
from inner.profile.schema import InlineProfile
from inner.profile.source import source
from inner.settings import check

WHOLE = (FIXTURES / "valid/everything.toml").read_bytes()
RELAXED = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def judged(content: bytes) -> None:
    """Read as a profile and as settings: an error names the file (and a line of it), and no control character of it."""
    for read in (lambda document: source(document), lambda document: check(document, project=True)):
        try:
            found = read(parse(content, file="p.toml", source="user"))
        except ConfigError as problem:
            file, _, line = problem.where.partition(":")
            assert file == "p.toml"
            assert not line or 1 <= int(line) <= content.count(b"\n") + 1
            assert problem.message
            assert (problem.message + problem.hint).replace("\n", "").isprintable()
        else:
            if found is not None:
                profile("p", fold([found.layer]))


@RELAXED
@given(st.binary(max_size=400))
@example(b"\xef\xbb\xbfschema_version = '1'\n")
@example(b"schema_version = '1'\r\n[sandbox]\r\n")
@example(b"\r\n\r")
@example(b"a." * 20000 + b"a = 1")
@example(b"a = " + b"[" * 20000)
@example(b"a = " + b"{b = " * 20000)
@example(b"a = " + b"9" * 5000)
@example(b"a = 1e999999999999")
@example(b"a = 0x" + b"f" * 20000)
@example(b"a = 9999-99-99T99:99:99Z")
@example(b'a = "\\uD800"')
@example(b'schema_version = "1"\n[env.set]\nA = "\\u0000"\n')
@example(b'schema_version = "1"\n[sandbox.limits]\nmemory = 0.1\ncpu = nan\npids = inf\n')
def test_any_bytes(content: bytes) -> None:
    judged(content)


@RELAXED
@given(st.text(st.characters(codec="utf-8"), max_size=200))
def test_any_text(text: str) -> None:
    judged(b'schema_version = "1"\n' + text.encode())


@RELAXED
@given(
    st.lists(
        st.tuples(
            st.integers(0, len(WHOLE)),
            st.integers(0, 30),
            st.binary(max_size=6) | st.sampled_from([b'"', b"[", b"]", b"{", b"}", b"=", b"\n", b".", b"'''", b'"""', b"#"]),
        ),
        min_size=1,
        max_size=4,
    )
)
def test_a_whole_profile_with_pieces_cut_out_and_put_in(cuts: list[tuple[int, int, bytes]]) -> None:
    content = WHOLE
    for at, length, piece in cuts:
        content = content[:at] + piece + content[at + length :]
    judged(content)


def keys(model: type = InlineProfile) -> Iterator[str]:
    for name, field in model.model_fields.items():  # type: ignore[attr-defined]
        yield name
        if hasattr(field.annotation, "model_fields"):
            yield from keys(field.annotation)


VALUE = st.recursive(
    st.none().map(lambda _: "") | st.booleans() | st.integers(-(1 << 70), 1 << 70) | st.floats() | st.text(max_size=8) | st.dates() | st.sampled_from(["ro", "rw", "1", "off", "full"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(sorted({*keys(), "add", "remove", "set", "dest", "mode"})) | st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@RELAXED
@given(st.dictionaries(st.sampled_from(sorted(set(keys()))), VALUE, max_size=4))
def test_known_keys_with_values_of_any_kind(data: dict[str, object]) -> None:
    judged(tomli_w.dumps({"schema_version": "1", **data}).encode())


# --- lines ----------------------------------------------------------------------------------------------------------------

NAME = st.text("abc-_1", min_size=1, max_size=3) | st.text(
    st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=4
)
LEAF_VALUE = st.sampled_from(
    ["1", "true", '"x # = ["', "'y ]'", '"""a\nb"""', "'''\n'''", "1979-05-27", "[ ]", "{ }", "[1,\n 2 # c\n]"]
)


def quoted(name: str) -> str:
    if name and all(char in "abc-_1" for char in name):
        return name
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


@st.composite
def documents(draw: st.DrawFn) -> tuple[str, dict[tuple[str, ...], int]]:
    """A TOML text, and the line on which each of its keys was written."""
    text, expected, used = "", {}, set()
    for table in draw(st.lists(st.lists(NAME, min_size=1, max_size=3), max_size=4, unique_by=tuple)):
        if any(tuple(table[:n]) in used for n in range(1, len(table) + 1)) or any(
            one[: len(table)] == tuple(table) for one in used
        ):
            continue
        text += draw(st.sampled_from(["", "\n", "# c = [\n", "\n\n"]))
        dotted = draw(st.sampled_from([".", " . ", ". "])).join(map(quoted, table))
        text += f"[{dotted}]" + draw(st.sampled_from(["\n", "  # [x]\n"]))
        for name in draw(st.lists(NAME, max_size=3, unique=True)):
            text += draw(st.sampled_from(["", "\n", "  # d\n"]))
            expected[(*table, name)] = text.count("\n") + 1
            text += f"{quoted(name)}{draw(st.sampled_from(['=', ' = ']))}{draw(LEAF_VALUE)}\n"
            used.add((*table, name))
        used.add(tuple(table))
    return text, expected


@RELAXED
@given(documents())
def test_each_key_is_found_on_the_line_where_it_stands(case: tuple[str, dict[tuple[str, ...], int]]) -> None:
    text, expected = case
    tomllib.loads(text)  # what is generated is TOML
    found = lines(text)
    assert {path: found.get(path) for path in expected} == expected


def paths(value: object, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    if path:
        yield path
    if isinstance(value, dict):
        for name, item in value.items():
            yield from paths(item, (*path, name))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from paths(item, (*path, index))


@RELAXED
@given(st.dictionaries(st.text(max_size=5), VALUE, max_size=4), st.booleans())
def test_the_scanner_finds_the_keys_and_elements_that_the_parser_finds(data: dict[str, object], multiline: bool) -> None:
    text = tomli_w.dumps(data, multiline_strings=multiline)
    parsed = tomllib.loads(text)
    try:
        found = lines(text, "p.toml")
    except ConfigError:
        assert max(map(len, paths(parsed))) >= DEPTH / 2
        return
    assert set(found) == set(paths(parsed))
    assert all(1 <= line <= text.count("\n") + 1 for line in found.values())


@RELAXED
@given(st.text(st.sampled_from("ab.=[]{}\"'\\#\n ,1-"), max_size=40))
@example('a."b.c".d = 1')
@example("[[a]]\n[[a]]\nb = 1\n[a.c]\n")
@example("a = [{b = 1}, {b = 2}]")
def test_whatever_the_parser_takes_the_scanner_knows(text: str) -> None:
    try:
        parsed = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        lines(text)
        return
    assert set(lines(text)) == set(paths(parsed))


# --- expansion ------------------------------------------------------------------------------------------------------------

WHERE = Origin("user", "p.toml", 3)


def expander(**more: object) -> Expander:
    plain = {
        "env": {"A": "$B", "B": "~/x", "EMPTY": ""},
        "home": "/home/u",
        "uid": 1000,
        "workdir": "/w",
        "workspaces_path": "$HOME/ws",
    }
    return Expander(**{**plain, **more})  # type: ignore[arg-type]


@RELAXED
@given(st.text(st.sampled_from("$~{}/ABUIDxé\n") | st.characters(codec="utf-8"), max_size=20))
@example("${workspaces_path}/${workdir}$UID~")
def test_expansion_of_any_text_ends_in_a_text_or_an_error_with_its_place(text: str) -> None:
    try:
        found = expander().expand(text, WHERE)
    except InnerError as problem:
        assert problem.where == "p.toml:3"
        assert "$" in text
    else:
        if "$" not in text:
            assert found == ("/home/u" + text[1:] if text == "~" or text.startswith("~/") else text)
        assert found.count("$") <= text.count("$")


@RELAXED
@given(st.text(max_size=20))
def test_doubled_dollars_stand_for_themselves(text: str) -> None:
    if text[:1] != "~":
        assert expander().expand(text.replace("$", "$$"), WHERE) == text


@RELAXED
@given(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20))
def test_the_value_of_a_variable_is_never_expanded_again(value: str) -> None:
    assert expander(env={"A": value}).expand("x${A}y", WHERE) == f"x{value}y"


@pytest.mark.parametrize("loop", ["$workspaces_path", "${workspaces_path}/x"])
def test_workspaces_that_name_themselves_are_an_error(loop: str) -> None:
    with pytest.raises(ConfigError, match="`workspaces_path` names itself"):
        expander(workspaces_path=loop).expand("${workspaces_path}", WHERE)


# --- amounts --------------------------------------------------------------------------------------------------------------


@RELAXED
@given(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=12)
    | st.text("0123456789.KMGTiB% ", max_size=12)
    | st.lists(st.integers())
)
@example("1.5GiB")
@example("٣")
@example("1e3")
@example("9" * 400)
def test_an_amount_is_a_number_within_bounds_or_no_amount(value: object) -> None:
    for read, least, most in ((quantity.memory, 1 << 20, 1 << 62), (quantity.cpu, 0.01, 65536), (quantity.pids, 1, 1 << 22)):
        try:
            found = read(value)  # type: ignore[operator]
        except ValueError as problem:
            assert "\n" in str(problem)
        else:
            assert found is None or least <= found <= most
