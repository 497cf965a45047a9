"""`inner trust` and `inner profile trust`: every word of it, and what it changes for the next run."""

from __future__ import annotations

import json
import time
from hashlib import sha256

import pytest
from configured import Machine

WIDE = """\
default_profile = "dev"\t# a tab, and a \\t that is none
[aliases]
t = "run -p dev -- true"
[default_limits]
memory = "256M"
[profiles.dev]
extends = "claude-interactive"
[profiles.dev.sandbox]
mask = [".env"]
allow = ["npmrc"]
[profiles.dev.mounts]
"~/data" = "rw"
"""

SHOWN = """\
PROJECT/.inner.toml  sha256 DIGEST
   1  default_profile = "dev" # a tab, and a \\t that is none
   2  [aliases]
   3  t = "run -p dev -- true"
   4  [default_limits]
   5  memory = "256M"
   6  [profiles.dev]
   7  extends = "claude-interactive"
   8  [profiles.dev.sandbox]
   9  mask = [".env"]
  10  allow = ["npmrc"]
  11  [profiles.dev.mounts]
  12  "~/data" = "rw"

once trusted, the settings are:
  default_profile = dev
      .inner.toml:1
  aliases.t = run -p dev -- true
      .inner.toml:3
once trusted, profile `dev` grants over your own `shell`:
  sandbox.network_mode = allowlist
      built-in claude-interactive.toml:N
  env.passthrough = ANTHROPIC_API_KEY
      built-in claude-interactive.toml:N
  env.passthrough = CLAUDE_CODE_OAUTH_TOKEN
      built-in claude-interactive.toml:N
  agents = claude
      built-in claude-interactive.toml:N
  env.set.DISABLE_AUTOUPDATER = 1
      built-in claude-interactive.toml:N
  env.set.CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC = 1
      built-in claude-interactive.toml:N
  entrypoint.cmd = claude
      built-in claude-interactive.toml:N
  sandbox.allow = npmrc
      .inner.toml:10
  mounts.~/data = rw
      .inner.toml:12
"""

NARROW = 'schema_version = "1"\n[sandbox]\nmask = [".env"]\n'


def shown(text: str = WIDE) -> str:
    return SHOWN.replace("DIGEST", sha256(text.encode()).hexdigest())


def test_without_a_terminal_it_shows_everything_and_refuses_with_the_remedy(machine: Machine) -> None:
    machine.inner_toml(WIDE)
    done = machine.inner("trust", stdin="y\n")
    assert done.out == ""
    assert done.err == shown() + (
        "error: whether to trust a file can only be asked at a terminal\n  --> PROJECT/.inner.toml\nhint: read it, then `inner trust --yes PROJECT/.inner.toml`\n"
    )
    assert done.status == 1
    assert machine.inner("trust", "--list").out == ""


def test_a_yes_at_the_terminal_trusts_and_the_next_run_takes_the_file(machine: Machine) -> None:
    machine.inner_toml(WIDE)
    assert machine.settings().default_profile == "shell"
    done = machine.asked("trust", answer="y\n")
    assert done.out == shown() + "Trust PROJECT/.inner.toml? [y/N] y\ninner: trusted until it changes: `PROJECT/.inner.toml`\n"
    assert done.status == 0
    assert machine.settings().default_profile == "dev"
    assert machine.resolve("dev").sandbox.allow == ("npmrc",)


@pytest.mark.parametrize("answer", ["\n", "n\n", "yes please\n", "\x04", "Y es\n"])
def test_anything_but_yes_is_no(machine: Machine, answer: str) -> None:
    machine.inner_toml(WIDE)
    done = machine.asked("trust", answer=answer)
    assert done.status == 1
    assert done.out.endswith("inner: not trusted; it can still narrow what a box gets\n")
    assert machine.settings().default_profile == "shell"


def test_keys_pressed_before_the_question_are_no_answer(machine: Machine) -> None:
    machine.inner_toml(WIDE)
    done = machine.asked("trust", answer="\n", typed_before="y\ny\ny\n")
    assert done.status == 1
    assert machine.settings().default_profile == "shell"


def test_a_changed_file_is_a_new_question(machine: Machine) -> None:
    path = machine.inner_toml(WIDE)
    assert machine.inner("trust", "--yes").status == 0
    assert machine.inner("trust").err == "inner: trusted already: `PROJECT/.inner.toml`\n"
    machine.put(path, WIDE.replace("npmrc", "ssh-keys"))
    assert machine.settings().default_profile == "shell"
    done = machine.inner("trust")
    assert (done.status, "sandbox.allow = ssh-keys\n      .inner.toml:10\n" in done.err) == (1, True)
    machine.put(path, WIDE)
    assert machine.settings().default_profile == "dev", "the very file that was read is trusted again"


def test_a_file_is_trusted_at_its_path_alone(machine: Machine) -> None:
    machine.inner_toml(WIDE)
    machine.inner("trust", "--yes")
    other = machine.root / "src/other"
    (other / ".git").mkdir(parents=True)
    machine.put(other / ".inner.toml", WIDE)
    done = machine.inner("trust", cwd=other)
    assert done.status == 1
    assert done.err.startswith("ROOT/src/other/.inner.toml  sha256 ")


def test_every_file_of_the_project_is_asked_about(machine: Machine) -> None:
    machine.inner_toml('[aliases]\nx = "version"\n')
    machine.put(machine.project / ".config/inner.toml", "keep_runs = 1\n")
    machine.write("project", "one", '[sandbox]\nmask = ["a"]\n')
    machine.put(machine.project / ".config/inner/profiles/two.toml", NARROW)
    done = machine.inner("trust", "--yes")
    assert done.status == 0
    told = [line for line in done.err.splitlines() if line.startswith("inner: ")]
    assert told == [
        f"inner: trusted until it changes: `PROJECT/{file}`"
        for file in (".inner.toml", ".config/inner.toml", ".inner/profiles/one.toml", ".config/inner/profiles/two.toml")
    ]
    assert machine.settings().notices == ()


def test_a_file_that_only_narrows_says_so(machine: Machine) -> None:
    path = machine.put(
        machine.project / ".inner/profiles/shell.toml", 'schema_version = "1"\nextends = "shell"\n[sandbox]\nmask = [".env"]\n'
    )
    done = machine.inner("trust", "--yes", str(path))
    assert done.err.splitlines()[-2:] == [
        "it grants nothing of its own: it only narrows",
        "inner: trusted until it changes: `PROJECT/.inner/profiles/shell.toml`",
    ]


def test_a_profile_that_replaces_the_users_says_what_it_no_longer_forbids(machine: Machine) -> None:
    machine.write("project", "shell", "")
    done = machine.inner("trust", "--yes")
    assert done.err.splitlines()[3:-1] == [
        "once trusted, profile `shell` grants over your own:", "  git.strip_sections = none", "      default", "  noop.block = none", "      default",
    ]  # fmt: skip


def test_one_profile_by_its_name(machine: Machine) -> None:
    machine.write("project", "one", 'extends = "shell"\n[sandbox]\nclipboard = true\n')
    machine.write("project", "two", "[sandbox]\nclipboard = true\n")
    assert machine.inner("profile", "trust", "one").status == 1
    done = machine.inner("profile", "trust", "--yes", "one")
    assert done.err.splitlines()[6:] == [
        "once trusted, profile `one` grants over your own `shell`:", "  sandbox.clipboard = true", "      .inner/profiles/one.toml:4",
        "inner: trusted until it changes: `PROJECT/.inner/profiles/one.toml`",
    ]  # fmt: skip
    assert machine.resolve("one").sandbox.clipboard is True
    assert machine.resolve("two").sandbox.clipboard is False
    assert machine.inner("profile", "trust", "shell").err == "inner: `shell` is not a project's profile: it needs no trust\n"


def test_the_list_says_what_became_of_each_file(machine: Machine) -> None:
    assert (machine.inner("trust", "--list").out, machine.inner("trust", "--list").err) == (
        "",
        "inner: no project's file is trusted\n",
    )
    kept = machine.inner_toml(NARROW.replace("[sandbox]\nmask", '[aliases]\nx = "y" #'))
    changed, gone = machine.write("project", "changed", ""), machine.write("project", "gone", "")
    digests = {path.name: sha256(path.read_bytes()).hexdigest() for path in (kept, changed, gone)}
    machine.inner("trust", "--yes")
    changed.write_text(NARROW)
    gone.unlink()
    done = machine.inner("trust", "--list")
    assert done.out == (
        "state    sha256        file\n"
        f"trusted  {digests['.inner.toml'][:12]}  PROJECT/.inner.toml\n"
        f"changed  {digests['changed.toml'][:12]}  PROJECT/.inner/profiles/changed.toml\n"
        f"gone     {digests['gone.toml'][:12]}  PROJECT/.inner/profiles/gone.toml\n"
    )
    found = json.loads(machine.inner("trust", "--list", "--json").out)
    assert [(one["state"], one["sha256"]) for one in found["data"]] == [
        ("trusted", digests[".inner.toml"]), ("changed", digests["changed.toml"]), ("gone", digests["gone.toml"]),
    ]  # fmt: skip


def test_a_decision_can_be_taken_back(machine: Machine) -> None:
    machine.inner_toml(WIDE)
    machine.write("project", "one", "")
    machine.inner("trust", "--yes")
    assert machine.inner("trust", "--revoke", ".inner.toml").err == "inner: no longer trusted: `PROJECT/.inner.toml`\n"
    assert machine.settings().default_profile == "shell"
    assert machine.inner("trust", "--revoke").err == "inner: no longer trusted: `PROJECT/.inner/profiles/one.toml`\n"
    done = machine.inner("trust", "--revoke")
    assert (done.status, done.err) == (
        3,
        "error: nothing here is trusted\n  --> PROJECT\nhint: `inner trust --list` shows what is\n",
    )


def test_the_decision_about_a_file_that_is_gone_can_be_taken_back(machine: Machine) -> None:
    path = machine.inner_toml(WIDE)
    machine.inner("trust", "--yes")
    path.unlink()
    assert machine.inner("trust", "--revoke", ".inner.toml").status == 0
    assert machine.inner("trust", "--list").out == ""


def test_where_there_is_nothing_to_trust(machine: Machine) -> None:
    done = machine.inner("trust")
    assert (done.status, done.err) == (
        3,
        "error: there is no project configuration here\n  --> PROJECT\nhint: `inner trust PATH`\n",
    )
    done = machine.inner("trust", "missing.toml")
    assert (done.status, done.err) == (3, "error: there is no such file or folder\n  --> PROJECT/missing.toml\n")
    own = machine.write("user", "mine", "")
    done = machine.inner("trust", str(own))
    assert done.status == 3
    assert done.err.startswith("error: this is no project's file: it needs no trust\n")


def test_a_broken_file_cannot_be_trusted(machine: Machine) -> None:
    machine.write("project", "bad", "sandbocks = 1\n")
    done = machine.inner("trust", "--yes")
    assert done.status == 3
    assert done.err.endswith(
        "error: unknown key `sandbocks`\n  --> PROJECT/.inner/profiles/bad.toml:2\nhint: did you mean `sandbox`?\n"
    )
    assert machine.inner("trust", "--list").out == ""


def test_no_byte_of_the_file_steers_the_terminal(machine: Machine) -> None:
    text = 'schema_version = "1"\ndescription = "a\u202eb\u2066"\n[mounts]\n"/\\u001b[2J\\u0007" = "rw"\n[env.set]\nA = "\\u009b1m\\nB"\n'
    machine.put(machine.project / ".inner/profiles/x.toml", text)
    for done in (machine.inner("trust"), machine.asked("trust", answer="n\n")):
        words = done.out + done.err
        assert words.replace("\n", "").isprintable(), ascii(words)
        assert "mounts./\\x1b[2J\\x07 = rw" in words
        assert "env.set.A = \\x9b1m\\nB" in words
        assert 'description = "a\\u202eb\\u2066"' in words


def test_a_linked_file_is_not_read_let_alone_trusted(machine: Machine) -> None:
    secret = machine.put(machine.home / "secret.toml", 'token = "hunter2"\n')
    (machine.project / ".inner.toml").symlink_to(secret)
    done = machine.inner("trust", "--yes")
    assert (done.status, done.err) == (
        3, "error: a project's configuration may not be, or lie behind, a symbolic link\n  --> PROJECT/.inner.toml\nhint: put the file itself there\n",
    )  # fmt: skip


@pytest.mark.slow
def test_what_was_kept_of_an_earlier_run_knows_every_change_of_trust(machine: Machine) -> None:
    """Each step runs twice, so that the second one finds what the first has kept."""
    machine.put(machine.home / ".npmrc", "x\n")
    path = machine.write("project", "shell", 'extends = "shell"\n[sandbox]\nallow = ["npmrc"]\n')

    def shown() -> bool:
        time.sleep(2.1)  # what changed a moment ago is not kept
        runs = [machine.inner("run", "--dry-run", "--", "true") for _ in range(3)]
        assert [run.status for run in runs] == [0, 0, 0]
        found = {"allowed: npmrc" in run.out for run in runs}
        assert len(found) == 1
        return found.pop()

    assert not shown()
    machine.inner("trust", "--yes")
    assert shown()
    machine.inner("trust", "--revoke")
    assert not shown()
    machine.inner("trust", "--yes")
    assert shown()
    path.write_text(path.read_text() + "# another\n")
    assert not shown()


def test_no_project_leaves_a_trusted_project_aside(machine: Machine) -> None:
    machine.inner_toml(WIDE)
    machine.inner("trust", "--yes")
    assert machine.resolve("", no_project=True).name == "shell"
    assert machine.resolve("").name == "dev"
