"""What is found after a run, and how long looking takes."""

import os
import subprocess
import sys
import time

import pytest

from inner.launch.aftermath import hold, look
from inner.paths import HostPath
from inner.plan.model import Guard, Placeholder

pytestmark = pytest.mark.box


def found(project, began, **more):
    options = {name: more.pop(name) for name in ("over", "thorough", "made", "cache") if name in more}
    return look(Guard(HostPath(str(project)), **more), began, **options)


@pytest.fixture
def began(tmp_path):
    (tmp_path / "old").mkdir()
    (tmp_path / "old/Makefile").write_text("x")
    time.sleep(0.05)
    return time.time_ns()


def test_only_what_is_new_is_told(tmp_path, began):
    assert found(tmp_path, began).lines() == []
    (tmp_path / "old/Makefile").write_text("y")
    os.utime(tmp_path / "old/Makefile", (0, 0))
    assert found(tmp_path, began).steers == (("old/Makefile", "build"),)
    assert found(tmp_path, began, thorough=False).steers == (("old/Makefile", "build"),)


def test_a_placeholder_is_no_change(tmp_path, began):
    (tmp_path / ".mcp.json").write_text("{}")
    assert found(tmp_path, began).steers == ((".mcp.json", "settings"),)
    assert found(tmp_path, began, placeholders=(Placeholder(HostPath(f"{tmp_path}/.mcp.json"), "file"),)).lines() == []


@pytest.mark.parametrize("beside", ["plain", "\u00fcber", "\udcff"])
@pytest.mark.parametrize("late", [".vscode", ".config/inner.toml"])
def test_a_late_name_is_put_out_of_effect_whatever_lies_beside_it(tmp_path, began, beside, late):
    (tmp_path / beside).mkdir()
    (tmp_path / late).mkdir(parents=True)
    (tmp_path / late / "tasks.json").write_text("{}")
    result = found(tmp_path, began, late=(".idea", late, ".absent/name"))
    assert [where for where, _ in result.held] != []
    assert not (tmp_path / late).exists()
    assert result.unread == ()


def test_what_is_in_a_placeholder_that_was_left_alone_is_not_looked_at(tmp_path, began):
    (tmp_path / ".vscode").mkdir()
    (tmp_path / ".vscode/package.json").write_text("{}")  # the user's, of this moment: no box could write it
    info = os.lstat(tmp_path / ".vscode")
    place = f"{tmp_path}/.vscode"
    assert found(tmp_path, began, made={place: (info.st_dev, info.st_ino)}).lines() == []
    assert found(tmp_path, began).steers != ()
    assert found(tmp_path, began, made={place: (info.st_dev, info.st_ino + 1)}).held != ()  # it was replaced


def test_settings_further_down_are_told(tmp_path, began):
    (tmp_path / "a/.vscode").mkdir(parents=True)
    (tmp_path / "a/.vscode/tasks.json").write_text("{}")
    (tmp_path / "a/.envrc").write_text("x")
    assert {path for path, _ in found(tmp_path, began).steers} == {"a/.vscode", "a/.vscode/tasks.json", "a/.envrc"}


def test_set_id_bits_of_a_file_in_an_old_folder(tmp_path, began):
    os.chmod(tmp_path / "old/Makefile", 0o6755)
    assert found(tmp_path, began).set_id == ("old/Makefile",)
    assert os.stat(tmp_path / "old/Makefile").st_mode & 0o7777 == 0o755


def test_a_repository_that_is_old_stays_whatever_is_in_it(tmp_path):
    git = tmp_path / "n/.git"
    for name in ("objects", "refs", "hooks"):
        (git / name).mkdir(parents=True)
    (git / "HEAD").write_text("ref: refs/heads/main\n")
    (git / "config").write_text("[core]\n\tfsmonitor = x\n")
    time.sleep(0.05)
    began = time.time_ns()
    assert found(tmp_path, began).held == ()
    (git / "hooks/post-checkout").write_text("x")
    assert [place for place, _ in found(tmp_path, began).held] == ["n/.git/config.held-by-inner", "n/.git/HEAD.held-by-inner"]
    os.rename(git / "HEAD.held-by-inner", git / "HEAD")
    os.rename(git / "config.held-by-inner", git / "config")
    (git / "HEAD.held-by-inner").write_text("in the way")
    again = found(tmp_path, began)
    assert [place for place, _ in again.held] == ["n/.git/config.held-by-inner", "n/.git/HEAD.held-by-inner.1"]
    (line,) = again.lines()
    subprocess.run(line.rpartition(": `")[2].removesuffix("`"), shell=True, cwd=tmp_path, check=True)
    assert sorted(os.listdir(git)) == ["HEAD", "HEAD.held-by-inner", "config", "hooks", "objects", "refs"]
    assert (git / "HEAD.held-by-inner").read_text() == "in the way"


@pytest.mark.parametrize("how", ["every name is taken", "the folder is shut"])
def test_what_would_run_is_put_out_of_effect_whatever_is_in_the_way(tmp_path, began, how):
    subprocess.run(["git", "init", "-q", str(tmp_path / "n")], check=True)
    git = tmp_path / "n/.git"
    if how == "the folder is shut":
        git.chmod(0o555)
    else:
        for name in ("HEAD", "config"):
            for number in ("", *(f".{n}" for n in range(300))):
                (git / f"{name}.held-by-inner{number}").write_text("x")
                (git / f"{name}{number}.held-by-inner").write_text("x")
    result = found(tmp_path, began)
    assert len(result.held) == 2
    assert result.unread == ()
    assert not (git / "HEAD").exists()
    assert not (git / "config").exists()


@pytest.mark.parametrize("config", ["", "[core]\n\tbare = true\n", "[core\n", "[include]\n\tpath = /x\n"])
def test_a_folder_that_becomes_a_repository_step_by_step(tmp_path, config):
    """The parts are left by one run, the last one by the next: what is touched is judged by what it would run."""
    bare = tmp_path / "b"
    for name in ("objects", "refs", "hooks"):
        (bare / name).mkdir(parents=True)
    (bare / "hooks/post-checkout").write_text("x")
    if config:
        (bare / "config").write_text(config)
    time.sleep(0.05)
    began = time.time_ns()
    (bare / "HEAD").write_text("ref: refs/heads/main\n")
    assert "b/HEAD.held-by-inner" in [place for place, _ in found(tmp_path, began).held]


def test_a_config_folder_of_the_project_is_not_gits(tmp_path, began):
    for name in ("objects", "refs", "config"):
        (tmp_path / name).mkdir()
    (tmp_path / "HEAD").write_text("ref: refs/heads/main\n")
    assert [place for place, _ in found(tmp_path, began).held] == ["HEAD.held-by-inner"]
    assert (tmp_path / "config").is_dir()


def test_it_ends_in_time_and_says_so(tmp_path, began):
    for number in range(400):
        (tmp_path / f"d{number}/e").mkdir(parents=True)
    result = found(tmp_path, began, over=lambda seen: seen > 100)
    assert not result.whole
    assert "not looked through to its end" in result.lines()[-1]
    assert found(tmp_path, began).whole


def test_a_project_that_is_gone_is_said(tmp_path):
    assert found(tmp_path / "gone", 0).unread


def test_links_are_not_followed(tmp_path, began):
    outside = tmp_path.parent / "outside-of-it"
    outside.mkdir(exist_ok=True)
    (outside / "Makefile").write_text("x")
    (tmp_path / "l").symlink_to(outside)
    (tmp_path / ".config").symlink_to(outside)
    (outside / "inner.toml").write_text("mine")
    result = found(tmp_path, began, late=(".config/inner.toml",))
    assert [where for where, _ in result.held] == [".config.held-by-inner"], "the link is, by which the name would be found"
    assert result.steers == ()
    assert (outside / "inner.toml").read_text() == "mine"
    assert {path for path, _ in result.links} == {"l", ".config.held-by-inner"}


def test_what_steers_programs_is_found_in_a_folder_that_was_shut(tmp_path, began):
    (tmp_path / ".config").mkdir()
    (tmp_path / ".config/inner.toml").write_text("mine")
    (tmp_path / ".config").chmod(0)
    assert [where for where, _ in found(tmp_path, began, late=(".config/inner.toml",)).held] == [
        ".config/inner.toml.held-by-inner"
    ]


def test_a_link_to_a_folder_without_the_name_stays_in_effect(tmp_path, began):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / ".config").symlink_to("elsewhere")
    assert found(tmp_path, began, late=(".config/inner.toml",)).held == ()


def test_a_repository_is_told_once_and_what_is_said_brings_it_back(tmp_path, began):
    subprocess.run(["git", "init", "-q", str(tmp_path / "new one")], check=True)
    (line,) = found(tmp_path, began).lines()
    assert line.startswith("`new one/.git/config.held-by-inner` and `new one/.git/HEAD.held-by-inner` are out of effect: ")
    subprocess.run(line.rpartition(": `")[2].removesuffix("`"), shell=True, cwd=tmp_path, check=True)
    subprocess.run(["git", "-C", str(tmp_path / "new one"), "status"], check=True, capture_output=True)


def test_a_work_tree_that_names_what_no_box_can_write_waits_for_its_metadata(tmp_path, began):
    (tmp_path / "wt").mkdir()
    (tmp_path / "wt/.git").write_text(f"gitdir: {tmp_path}/.git/worktrees/wt\n")
    own = {"repositories": (HostPath(str(tmp_path)),)}
    result = found(tmp_path, began, **own)
    assert (result.held, result.trees) == ((), ("wt/.git",))
    (line,) = hold(Guard(HostPath(str(tmp_path)), **own), result, result.trees).lines()
    assert "could not be taken over; its commits are in its branch, and `git worktree add` makes it anew" in line
    assert "mv " not in line
    assert os.listdir(tmp_path / "wt") == [".git.held-by-inner"]


@pytest.mark.parametrize(
    "text",
    [
        "gitdir: {0}/e\n",
        "gitdir: {0}/.git/worktrees/../../e\n",
        "gitdir: {0}/.git/worktrees/x/y\n",
        "gitdir: ../.git/worktrees/x\nmore\n",
        "x",
    ],
)
def test_a_git_file_that_names_anything_else_is_out_of_effect_at_once(tmp_path, began, text):
    (tmp_path / "wt").mkdir()
    (tmp_path / "wt/.git").write_text(text.format(tmp_path))
    result = found(tmp_path, began, repositories=(HostPath(str(tmp_path)),))
    assert [place for place, _ in result.held] == ["wt/.git.held-by-inner"]


@pytest.mark.root
def test_where_times_are_whole_seconds_nothing_new_is_taken_to_be_old(tmp_path):
    image, place = tmp_path / "image", tmp_path / "mounted"
    image.write_bytes(bytes(8 << 20))
    place.mkdir()
    subprocess.run(["mkfs.ext4", "-q", "-I", "128", str(image)], check=True, capture_output=True)
    subprocess.run(["mount", "-o", "loop", str(image), str(place)], check=True)
    try:
        project = place / "project"
        (project / "old").mkdir(parents=True)
        time.sleep(1.2 - time.time() % 1)  # so that the second has begun
        began = time.time_ns()
        subprocess.run(["git", "init", "-q", str(project / "new")], check=True)
        assert os.stat(project / "new/.git").st_ctime_ns < began
        assert "new/.git/HEAD.held-by-inner" in [where for where, _ in found(project, began).held]
    finally:
        subprocess.run(["umount", str(place)], check=True)


def test_no_mode_is_changed_but_in_the_project(tmp_path):
    """Another box of the project may still be there, and put a link in the place of what was looked at: chmod(2) follows it."""
    project, own = tmp_path / "project", tmp_path / "own"
    for folder in (project, own):
        folder.mkdir()
        (folder / "folder").mkdir()
        (folder / "file").touch()
    (own / "folder").chmod(0o555)
    (own / "file").chmod(0o600)
    swap = (
        "import os, sys\n"
        "while True:\n"
        "    for name, mode in (('file', 0o2777), ('folder', 0)):\n"
        "        os.chmod(name, mode); os.rename(name, 'aside'); os.symlink(f'{sys.argv[1]}/{name}', name); os.unlink(name); os.rename('aside', name)\n"
    )
    other = subprocess.Popen([sys.executable, "-c", swap, str(own)], cwd=project)
    taken, end = False, time.monotonic() + 4
    try:
        while time.monotonic() < end:
            taken |= bool(look(Guard(HostPath(str(project))), 0).set_id)
    finally:
        other.kill()
        other.wait()
    assert taken
    assert [(own / name).stat().st_mode & 0o7777 for name in ("file", "folder")] == [0o600, 0o555]
