"""`inner profile edit`: what is valid is saved, what is not is neither saved nor lost, and nobody's change is overwritten."""

from __future__ import annotations

import os
import re
from pathlib import Path

from configured import Done, Machine
from edited import COMMENTED, editor, user


def test_edit_saves_what_is_valid_and_leaves_nothing_behind(machine: Machine) -> None:
    path = machine.put(user(machine, "mine"), COMMENTED)
    path.chmod(0o600)
    done = machine.inner("profile", "edit", "mine", **editor(machine, 'sed -i s/npmrc/netrc/ "$1"'))
    assert done == Done(0, "", "inner: saved: `~/.config/inner/profiles/mine.toml`\n")
    assert path.read_text() == COMMENTED.replace("npmrc", "netrc")
    assert path.stat().st_mode & 0o777 == 0o600
    assert list((machine.home / ".local/state/inner/drafts").iterdir()) == []
    assert [one.name for one in path.parent.iterdir()] == ["mine.toml"]


def test_edit_without_a_change_writes_nothing(machine: Machine) -> None:
    path = machine.put(user(machine, "mine"), COMMENTED)
    before = path.stat().st_ino, path.stat().st_mtime_ns
    done = machine.inner("profile", "edit", "mine", **editor(machine, "true"))
    assert done == Done(0, "", "inner: nothing was changed: `~/.config/inner/profiles/mine.toml`\n")
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == before


def test_what_is_not_valid_is_not_saved_and_not_lost(machine: Machine) -> None:
    path = machine.put(user(machine, "mine"), COMMENTED)
    done = machine.inner("profile", "edit", "mine", **editor(machine, "echo 'sandbocks = 1' >> \"$1\""))
    assert done.status == 1
    told = re.match(
        r"error: unknown key `sandbox.sandbocks`\n  --> HOME/.config/inner/profiles/mine.toml:9\nhint: keys here: .*\n"
        r"error: the file is as it was before\nhint: what you wrote is kept in `(\S+)`\n$",
        done.err,
    )
    assert told, done.err
    assert Path(told[1].replace("HOME", str(machine.home))).read_text() == COMMENTED + "sandbocks = 1\n"
    assert path.read_text() == COMMENTED


def test_at_a_terminal_one_can_edit_again(machine: Machine) -> None:
    path = machine.put(user(machine, "mine"), COMMENTED)
    env = editor(
        machine,
        f'if [ -e {machine.root}/once ]; then sed -i s/nmprc/netrc/ "$1"; else touch {machine.root}/once; sed -i s/npmrc/nmprc/ "$1"; fi',
    )
    done = machine.asked("profile", "edit", "mine", answer="y\n", **env)
    assert "`sandbox.allow`: `nmprc` is nothing that can be allowed" in done.out
    assert done.out.endswith("Edit again? [y/N] y\ninner: saved: `~/.config/inner/profiles/mine.toml`\n")
    assert (done.status, path.read_text()) == (0, COMMENTED.replace("npmrc", "netrc"))


def test_an_editor_that_fails_changes_nothing(machine: Machine) -> None:
    path = machine.put(user(machine, "mine"), COMMENTED)
    done = machine.inner("profile", "edit", "mine", **editor(machine, 'echo x > "$1"; exit 3'))
    assert done.status == 1
    assert done.err.startswith(
        "error: the editor ended with status 3: nothing was changed\n  --> ROOT/editor\nhint: the draft is kept in `"
    )
    assert path.read_text() == COMMENTED


def test_a_change_made_meanwhile_is_not_overwritten(machine: Machine) -> None:
    path = machine.put(user(machine, "mine"), COMMENTED)
    done = machine.inner("profile", "edit", "mine", **editor(machine, f'echo "# theirs" >> {path}; echo "# mine" >> "$1"'))
    assert done.status == 3
    assert done.err.startswith(
        "error: the file was changed meanwhile, and is left as it is now\n  --> HOME/.config/inner/profiles/mine.toml\nhint: what you wrote is kept in `"
    )
    assert path.read_text() == COMMENTED + "# theirs\n"


def test_visual_comes_before_editor_and_both_are_split_as_words(machine: Machine) -> None:
    path = machine.put(user(machine, "mine"), COMMENTED)
    env = editor(machine, "exit 9")
    assert machine.inner("profile", "edit", "mine", VISUAL="sed -i 's/why npm/why, npm/'", **env).status == 0
    assert "# why, npm\n" in path.read_text()


def test_an_editor_is_never_taken_from_the_working_directory(machine: Machine) -> None:
    machine.put(user(machine, "mine"), COMMENTED)
    trap = machine.put(machine.project / "vi", "#!/bin/sh\ntouch trapped\n")
    trap.chmod(0o755)
    for path in (".:/usr/bin:/bin", ":/usr/bin:/bin"):
        machine.inner("profile", "edit", "mine", EDITOR="vi -c q", PATH=path, TERM="dumb")
    done = machine.inner("profile", "edit", "mine", EDITOR="nothing-like-it", PATH=".:/usr/bin:/bin")
    assert done.err == "error: the editor `nothing-like-it` does not exist\n  --> $EDITOR\nhint: `export EDITOR=vi`\n"
    assert (done.status, (machine.project / "trapped").exists()) == (4, False)


def test_a_built_in_profile_is_copied_to_be_edited(machine: Machine) -> None:
    done = machine.inner("profile", "edit", "shell", **editor(machine, "exit 0"))
    told = "error: `shell` belongs to inner itself\n  --> BUILT-IN/shell.toml\nhint: `inner profile clone shell my-shell`, and edit that\n"
    assert done == Done(1, "", told)


def test_a_projects_profile_is_edited_where_it_is_and_is_a_new_question(machine: Machine) -> None:
    path = machine.write("project", "theirs", "")
    machine.inner("trust", "--yes")
    done = machine.inner("profile", "edit", "theirs", **editor(machine, 'echo "[sandbox]" >> "$1"; pwd; ls -A "$(dirname "$1")"'))
    assert done.err == (
        "inner: saved: `PROJECT/.inner/profiles/theirs.toml`\ninner: a changed file is not trusted: `inner trust PROJECT/.inner/profiles/theirs.toml`\n"
    )
    assert path.read_text() == 'schema_version = "1"\n[sandbox]\n'
    assert os.listdir(path.parent) == ["theirs.toml"]


def test_a_linked_profile_of_a_project_is_never_written_through(machine: Machine) -> None:
    target = machine.put(machine.home / "precious.toml", 'schema_version = "1"\n')
    folder = machine.project / ".inner/profiles"
    folder.mkdir(parents=True)
    (folder / "theirs.toml").symlink_to(target)
    done = machine.inner("profile", "edit", "theirs", **editor(machine, 'echo "# x" >> "$1"'))
    assert done.err.startswith("error: a project's configuration may not be, or lie behind, a symbolic link\n")
    assert (done.status, target.read_text()) == (3, 'schema_version = "1"\n')
