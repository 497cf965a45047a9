"""Git's index, read by our own parser: as git writes it, and as nobody should."""

import hashlib
import os
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inner.launch.gitindex import parse

ENV = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "GIT_CONFIG_NOSYSTEM": "1"}


def git(*words, cwd, stdin=None):
    return subprocess.run(["git", *words], cwd=cwd, env=ENV, input=stdin, capture_output=True, check=True).stdout


@pytest.mark.parametrize("version", ["2", "3", "4"])
@pytest.mark.parametrize("algorithm", ["sha1", "sha256"])
def test_it_reads_what_git_lists(tmp_path, version, algorithm):
    git("init", "-q", f"--object-format={algorithm}", cwd=tmp_path)
    width = 20 if algorithm == "sha1" else 32
    zero = "1" * (2 * width)
    names = ["a", "a b", "d/e/f", "d/e/long" + "x" * 300, "ü", "z\nz", *(f"many/{n:04}" for n in range(300))]
    lines = "".join(
        f"{mode} {zero} 0\t{name}\0" for name, mode in zip(names, ["100644", "100755", "120000", *["100644"] * 400], strict=False)
    )
    lines += f"100644 {zero} 1\tclash\0" + f"100644 {zero} 3\tclash\0" + f"160000 {zero} 0\tsub\0"
    git(
        "update-index",
        "--index-version",
        version if version != "3" else "2",
        "-z",
        "--index-info",
        cwd=tmp_path,
        stdin=lines.encode(),
    )
    if version == "3":
        git("update-index", "--skip-worktree", "a", cwd=tmp_path)
    listed: dict[bytes, list] = {}
    for line in git("ls-files", "-s", "-z", cwd=tmp_path).split(b"\0")[:-1]:
        head, _, path = line.partition(b"\t")
        mode, sha, stage = head.split()
        listed.setdefault(path, []).append((int(mode, 8), sha.decode(), int(stage)))
    data = (tmp_path / ".git/index").read_bytes()
    assert data[7] == int(version)
    assert parse(data, width) == listed


def test_an_entry_without_content_is_none(tmp_path):
    git("init", "-q", cwd=tmp_path)
    (tmp_path / "a").write_text("x")
    git("add", "-N", "a", cwd=tmp_path)
    assert parse((tmp_path / ".git/index").read_bytes(), 20) == {}
    assert parse(b"", 20) == {}


@pytest.mark.parametrize("extension", [b"link", b"sdir", b"abcd"])
def test_extensions_that_change_the_meaning_are_refused(extension):
    body = b"DIRC" + (2).to_bytes(4, "big") + (0).to_bytes(4, "big") + extension + (0).to_bytes(4, "big")
    with pytest.raises(ValueError, match=r"is split|needs the extension"):
        parse(body + hashlib.sha1(body).digest(), 20)


def test_extensions_that_are_only_caches_are_passed_over():
    body = b"DIRC" + (2).to_bytes(4, "big") + (0).to_bytes(4, "big") + b"TREE" + (4).to_bytes(4, "big") + b"xxxx"
    assert parse(body + hashlib.sha1(body).digest(), 20) == {}


@given(st.binary(max_size=300), st.integers(2, 4), st.integers(0, 5))
@settings(max_examples=300)
def test_any_bytes_end_in_entries_or_a_value_error(data, version, count):
    head = b"DIRC" + version.to_bytes(4, "big") + count.to_bytes(4, "big")
    for text in (data, head + data, head + os.urandom(0) + data * 3):
        try:
            found = parse(text, 20)
        except ValueError:
            continue
        assert all(isinstance(path, bytes) for path in found)
