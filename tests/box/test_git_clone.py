"""A clone of the project's repository that is made in the box works outside, and its list of borrowed objects is no way out."""

from __future__ import annotations

import os
import threading

import pytest

from inner.launch.gitclone import lend

pytestmark = pytest.mark.box

BACK = 'for f in HEAD config; do mv "$0/$f.held-by-inner" "$0/$f"; done'  # after a look


@pytest.mark.parametrize(
    ("how", "made"), [("git clone -q . sub", "sub/.git"), ("git clone -q --bare . ../proj/src/bare", "src/bare")]
)
def test_it_has_its_objects_outside_once_it_is_put_in_effect(machine, how, made):
    project = machine.project()
    machine.box(f"git commit -q --allow-empty -m inside; {how}", project)
    assert (project / made / "objects/info/alternates").read_text() == f"{project}/.git/objects\n"
    machine.sh(BACK.replace("$0", made), project)
    assert machine.git("--git-dir", made, "log", "--format=%s", cwd=project) == "inside\none"
    machine.git("--git-dir", made, "fsck", "--strict", cwd=project)
    again = machine.box(f"git --git-dir {made} log --format=%s", project)
    assert again.stdout == "inside\none\n"


HOSTILE = {
    "a link": "mv alternates kept; ln -s kept alternates",
    "a link out of the project": "ln -sf ~/victim alternates",
    "other lines": "echo /elsewhere >> alternates",
    "a comment": "echo '#' >> alternates",
    "another place": "echo /run/inner/objects/9 > alternates",
    "a place below": "echo /run/inner/objects/0/.. > alternates",
    "without an end": "printf /run/inner/objects/0 > alternates",
    "a second name": "ln alternates other",
    "a folder that is a link": "cd ..; mv info kept; ln -s kept info",
    "a pipe": "rm alternates; mkfifo alternates",
}


@pytest.mark.parametrize("how", HOSTILE)
def test_a_file_that_says_or_is_anything_else_stays_as_it_is(machine, how):
    project = machine.project()
    victim = machine.home / "victim"
    victim.write_text("/run/inner/objects/0\n")
    named = "\\( -name alternates -o -name other -o -name kept \\)"
    show = f"cd sub/.git/objects; find . {named} -printf '%p %y %l %m\\n' | sort; find . {named} -type f -exec cat {{}} +"
    machine.box(
        f"git clone -q . sub; cd sub/.git/objects/info; {HOSTILE[how]}; cd {project}; ({show}) > {project}/seen",
        project,
        status=None,
    )
    assert machine.sh(show, project, check=False) == (project / "seen").read_text()
    assert victim.read_text() == "/run/inner/objects/0\n"


def test_what_lies_at_the_name_of_the_new_file_is_not_written_to(machine):
    project = machine.project()
    victim = machine.home / "victim"
    victim.write_text("mine\n")
    machine.box(f"git clone -q . sub; ln -s {victim} sub/.git/objects/info/.alternates.new-by-inner", project)
    assert victim.read_text() == "mine\n"
    assert (project / "sub/.git/objects/info/alternates").read_text() == f"{project}/.git/objects\n"
    assert os.listdir(project / "sub/.git/objects/info") == ["alternates"]


def test_one_that_is_exchanged_again_and_again_leads_nowhere(tmp_path):
    victim, info = tmp_path / "victim", tmp_path / "info"
    victim.write_text("/run/inner/objects/0\n")
    info.mkdir()
    over = threading.Event()

    def exchange():
        while not over.is_set():
            (info / "a").write_text("/run/inner/objects/0\n")
            os.rename(info / "a", info / "alternates")
            os.symlink(victim, info / "b")
            os.rename(info / "b", info / "alternates")

    other = threading.Thread(target=exchange)
    other.start()
    fd, lent = os.open(info, os.O_RDONLY), 0
    try:
        for _ in range(3000):
            try:
                lend(fd, {b"/run/inner/objects/0": b"/real"})
                lent += 1
            except OSError:
                pass
    finally:
        over.set()
        other.join()
        os.close(fd)
    assert lent
    assert victim.read_text() == "/run/inner/objects/0\n"
