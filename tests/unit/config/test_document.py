"""Reading a configuration file: regular files of the right owner, of a page or so, and nothing behind a project's links."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path

import pytest

from inner.config.document import LIMIT, parse, private_group, read
from inner.errors import ConfigError

TEXT = b'schema_version = "1"\n'


def put(path: Path, content: bytes = TEXT, mode: int = 0o644) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    path.chmod(mode)
    return path


def refused(path: object, **how: object) -> str:
    with pytest.raises(ConfigError) as caught:
        read(str(path), **how)  # type: ignore[arg-type]
    assert caught.value.where == str(path)
    return caught.value.message


def test_a_regular_file_of_ours_is_read(tmp_path: Path) -> None:
    for mode in (0o644, 0o600, 0o400):
        assert read(str(put(tmp_path / f"{mode}.toml", mode=mode)), uid=os.getuid()) == TEXT


def test_what_is_not_a_regular_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "dir").mkdir()
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "socket"))
    began = time.monotonic()
    for name in ("fifo", "dir", "socket"):
        assert refused(tmp_path / name) == "this is not a regular file"
    for path in ("/dev/zero", "/dev/null", "/dev/tty"):
        assert refused(path) in ("this is not a regular file", "the file cannot be read: permission denied")
    listener.close()
    assert time.monotonic() - began < 20


def test_a_file_of_any_size_is_read_up_to_the_limit_alone(tmp_path: Path) -> None:
    assert len(read(str(put(tmp_path / "most", b"#" * LIMIT)))) == LIMIT
    assert refused(put(tmp_path / "more", b"#" * (LIMIT + 1))) == "the file is larger than 256 KiB"
    sparse = put(tmp_path / "sparse")
    os.truncate(sparse, 1 << 40)
    began = time.monotonic()
    assert refused(sparse) == "the file is larger than 256 KiB"
    assert time.monotonic() - began < 20


def test_a_name_that_cannot_be_is_an_error_like_any_other(tmp_path: Path) -> None:
    assert refused(tmp_path / "missing") == "the file cannot be read: no such file or directory"
    assert refused(f"{tmp_path}/a\0b") == "the file cannot be read: no such name"
    assert refused(tmp_path / ("x" * 300)) == "the file cannot be read: file name too long"
    assert refused(f"{put(tmp_path / 'file')}/below") == "the file cannot be read: not a directory"


@pytest.mark.parametrize("mode", [0o646, 0o666, 0o602])
def test_a_file_that_anybody_may_write_is_refused(tmp_path: Path, mode: int) -> None:
    path = put(tmp_path / "p.toml", mode=mode)
    assert refused(path, uid=os.getuid()) == "other users may write to this file"
    assert read(str(path)) == TEXT


def test_a_group_that_is_more_than_the_user_may_not_write(tmp_path: Path) -> None:
    path = put(tmp_path / "p.toml", mode=0o664)
    if private_group(path.stat().st_gid, os.getuid()):
        assert read(str(path), uid=os.getuid()) == TEXT
    else:
        assert refused(path, uid=os.getuid()) == "other users may write to this file"
    assert read(str(path), uid=os.getuid(), shared=True) == TEXT


def test_a_file_of_another_user_is_refused(tmp_path: Path) -> None:
    path = put(tmp_path / "p.toml")
    other = os.getuid() + 1
    if os.getuid() == 0:
        os.chown(path, 12345, 12345)
        assert refused(path, uid=0) == "the file belongs to another user, who could change it"
    else:
        assert refused(path, uid=other) == "the file belongs to another user, who could change it"
        assert read("/etc/passwd", uid=os.getuid()), "root is trusted"


def test_nothing_behind_a_link_below_the_root_is_read(tmp_path: Path) -> None:
    secret = put(tmp_path / "secret/p.toml")
    root = tmp_path / "project"
    put(root / "real/p.toml")
    (root / "file.toml").symlink_to(secret)
    (root / "folder").symlink_to(secret.parent)
    (root / "inside").symlink_to("real")
    (root / "dangling").symlink_to("nowhere")
    message = "a project's configuration may not be, or lie behind, a symbolic link"
    for name in ("file.toml", "folder/p.toml", "inside/p.toml", "dangling"):
        assert refused(root / name, root=str(root)) == message
        if name != "dangling":
            assert read(str(root / name)) == TEXT, "without a root the same file is read: the attack is one"
    assert read(str(root / "real/p.toml"), root=str(root)) == TEXT


def test_a_path_outside_of_its_root_is_refused(tmp_path: Path) -> None:
    put(tmp_path / "p.toml")
    (tmp_path / "project").mkdir()
    for path in (tmp_path / "p.toml", f"{tmp_path}/project/../p.toml", tmp_path / "project"):
        with pytest.raises(ConfigError):
            read(str(path), root=str(tmp_path / "project"))


def test_lines_are_counted_whatever_ends_them() -> None:
    document = parse(b'a = 1\r\nb = 2\r\n[c]\r\nd = """\r\nx\r\n"""\r\ne = 3\r\n', file="f", source="user")
    assert [document.line(path) for path in (("a",), ("b",), ("c", "d"), ("c", "e"), ("c", "unknown"), ())] == [1, 2, 4, 7, 3, 0]
    assert str(document.origin(("b",))) == "f:2"
    assert str(document.origin()) == "f"
