import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from inner.errors import RunError
from inner.launch import copies, removal, rundir
from inner.plan.model import Copy

pytestmark = pytest.mark.box


def test_a_folder_is_private_and_stays_while_its_run_lives(tmp_path):
    path = rundir.name(str(tmp_path / "state"))
    fd = rundir.begin(path)
    assert os.stat(path).st_mode & 0o777 == 0o700
    other = subprocess.run(
        [sys.executable, "-c", f"from inner.launch import removal, rundir; print(rundir.sweep({str(tmp_path / 'state')!r}))"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert other.stdout == "0\n"
    assert os.path.isdir(path)
    os.close(fd)
    assert rundir.sweep(str(tmp_path / "state")) == 1
    assert not os.path.exists(path)


def test_what_a_kill_left_is_recovered_before_it_is_removed(tmp_path):
    path = rundir.name(str(tmp_path))
    fd = rundir.begin(path)
    (tmp_path / "runs" / os.path.basename(path) / "data").write_text("kept")
    os.close(fd)
    seen = []
    rundir.sweep(str(tmp_path), recover=lambda run: seen.append(Path(f"{run}/data").read_text()))
    assert seen == ["kept"]


def test_a_folder_that_others_can_write_is_refused(tmp_path):
    (tmp_path / "state").mkdir()
    (tmp_path / "state").chmod(0o777)
    with pytest.raises(RunError, match="written by others"):
        rundir.begin(rundir.name(str(tmp_path / "state")))


def test_a_tree_of_any_depth_and_mode_is_removed_and_links_are_not_followed(tmp_path):
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "file").write_text("stays")
    top = tmp_path / "top"
    top.mkdir()
    (top / "link").symlink_to(tmp_path / "outside")
    (top / "shut").mkdir()
    (top / "shut" / "file").write_text("x")
    (top / "shut").chmod(0)
    here = os.open(top, os.O_RDONLY)
    for _ in range(4000):
        os.mkdir("d", dir_fd=here)
        deeper = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = deeper
    os.close(here)
    removal.remove(str(top))
    assert not top.exists()
    assert (tmp_path / "outside" / "file").read_text() == "stays"


def test_a_copy_is_the_same_tree(tmp_path):
    src = tmp_path / "src"
    (src / "sub" / "empty").mkdir(parents=True)
    (src / "file").write_bytes(os.urandom(300_000))
    (src / "file").chmod(0o4755)
    (src / "sub" / "link").symlink_to("/etc/shadow")
    (src / "sub").chmod(0o555)
    os.mkfifo(src / "fifo")
    os.utime(src / "file", ns=(1_000_000_000, 2_000_000_000))
    copies.make([Copy(str(src), str(tmp_path / "copy"))])
    copy = tmp_path / "copy"
    assert (copy / "file").read_bytes() == (src / "file").read_bytes()
    assert (copy / "file").stat().st_mode & 0o7777 == 0o755
    assert (copy / "file").stat().st_mtime_ns == 2_000_000_000
    assert os.readlink(copy / "sub" / "link") == "/etc/shadow"
    assert (copy / "sub").stat().st_mode & 0o777 == 0o555
    assert not (copy / "fifo").exists()
    (src / "sub").chmod(0o755)


def test_a_copy_follows_nothing_that_is_exchanged_while_it_is_made(tmp_path):
    """By a box that may write there: a folder for a link to one, and a file for a link or a pipe."""
    secret, src = tmp_path / "secret", tmp_path / "src"
    for folder in (secret, *(src / str(n) for n in range(40))):
        folder.mkdir(parents=True)
        (folder / "file").write_text("secret" if folder == secret else "fine")
    swap = (
        "import os, sys\n"
        "while True:\n"
        "    for n in range(0, 40, 2):\n"
        "        os.rename(f'{n}', 'aside'); os.symlink(sys.argv[1], f'{n}'); os.unlink(f'{n}'); os.rename('aside', f'{n}')\n"
        "        f = f'{n + 1}/file'; os.rename(f, 'f'); os.mkfifo(f); os.unlink(f); os.symlink(sys.argv[1] + '/file', f); os.rename('f', f)\n"
    )
    other = subprocess.Popen([sys.executable, "-c", swap, str(secret)], cwd=src)
    refused = 0
    try:
        for n in range(60):
            copy = tmp_path / f"copy-{n}"
            try:
                copies.make([Copy(str(src), str(copy))])
            except RunError:
                refused += 1
            files = [file for file in copy.glob("*/file") if not file.is_symlink() and not file.parent.is_symlink()]
            assert "secret" not in {file.read_text() for file in files}
    finally:
        other.kill()
        other.wait()
    assert refused


def test_what_is_hidden_is_not_copied(tmp_path):
    src = tmp_path / "src"
    (src / "a/hidden").mkdir(parents=True)
    (src / "a/hidden/file").write_text("secret")
    (src / "a/file").write_text("fine")
    copies.make([Copy(str(src), str(tmp_path / "copy"), (f"{src}/a/hidden", f"{src}/nothing"))])
    assert [path.name for path in (tmp_path / "copy/a").iterdir()] == ["file"]


def test_a_copy_that_cannot_be_made_says_so(tmp_path):
    (tmp_path / "src").write_text("x")
    with pytest.raises(RunError, match="cannot copy"):
        copies.make([Copy(str(tmp_path / "src"), str(tmp_path / "missing" / "copy"))])


def test_the_lock_is_not_inherited_by_programs(tmp_path):
    path = rundir.name(str(tmp_path))
    fd = rundir.begin(path)
    assert fcntl.fcntl(fd, fcntl.F_GETFD) & fcntl.FD_CLOEXEC
    os.close(fd)


def test_records_are_thrown_away_by_number_and_by_size_and_never_those_of_a_living_run(tmp_path):
    (tmp_path / "live").mkdir()
    for number in range(6):
        folder = tmp_path / f"runs/20260101-00000{number}-aaaaaa"
        folder.mkdir(parents=True)
        (folder / "output").write_bytes(bytes(1000))
    lock = os.open(tmp_path / "live/20260101-000000-aaaaaa", os.O_CREAT | os.O_RDWR)
    fcntl.flock(lock, fcntl.LOCK_EX)

    def left():
        return [int(name[14]) for name in sorted(os.listdir(tmp_path / "runs"))]

    assert removal.rotate(str(tmp_path), 10, room=100_000, always=True) == 0
    assert removal.rotate(str(tmp_path), 5) == 0  # the oldest lives
    assert removal.rotate(str(tmp_path), 4) == 1
    assert left() == [0, 2, 3, 4, 5]
    assert removal.rotate(str(tmp_path), 10, room=2500, always=True) == 2
    assert left() == [0, 4, 5]
    os.close(lock)
    assert removal.rotate(str(tmp_path), 0) == 2  # it was killed, and nobody has given back yet what it had
    assert rundir.sweep(str(tmp_path)) == 1
    assert removal.rotate(str(tmp_path), 0) == 1
    assert left() == []
    for name in ("000000-aaaaaa", "000000-bbbbbb", "000000-000000"):
        (tmp_path / f"runs/20260101-{name}").mkdir()
    assert removal.rotate(str(tmp_path), 2, newest="20260101-000000-000000") == 1  # of the three in this second the one that asks
    assert sorted(os.listdir(tmp_path / "runs")) == ["20260101-000000-000000", "20260101-000000-bbbbbb"]
