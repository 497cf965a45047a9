"""`inner run` as it is typed: what it prints, where, and with which status. Whole transcripts."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from program import INNER, ROOT, inner

pytestmark = pytest.mark.box

START = "start in a project: `cd PROJECT`, or name one with `-w PATH`"
USAGE = "`inner run --help` shows what it takes"


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A project to work in, and a home beside it, both below `tmp_path`."""
    for name in ("home", "project"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path / "project")
    return tmp_path / "project"


def said(message, where="", hint=""):
    """What `ui.error` makes of an error."""
    return f"error: {message}\n" + (f"  --> {where}\n" if where else "") + (f"hint: {hint}\n" if hint else "")


def told(*words, **more):
    done = inner("run", *words, **more)
    return done.returncode, done.stdout, done.stderr


# --- the command and its status -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "status", "out"),
    [
        (("sh", "-c", "exit 7"), 7, ""),
        (("sh", "-c", "kill -TERM $$"), 128 + signal.SIGTERM, ""),
        (("sh", "-c", "kill -KILL $$"), 128 + signal.SIGKILL, ""),
        (("sh", "-c", "exit 125"), 125, ""),
        (
            ("printf", "%s|", "a\nb", "", "--bind", "--", "-w", "*", "$HOME", "\x1b[31m", "é"),
            0,
            "a\nb||--bind|--|-w|*|$HOME|\x1b[31m|é|",
        ),
        (("printf", "%s", "--help"), 0, "--help"),
        (("./script", "x y"), 0, "script: x y\n"),
    ],
)
def test_a_command_is_run_as_it_is_and_its_status_is_inners(here, words, status, out):
    (here / "script").write_text('#!/bin/sh\necho "script: $*"\n')
    (here / "script").chmod(0o755)
    assert told("--", *words) == (status, out, "")


def test_words_that_begin_with_an_option_are_the_shells(here):
    assert told("--", "-c", "echo $0", "name", env={**os.environ, "SHELL": "/bin/bash"}) == (0, "name\n", "")
    status, out, err = told("--", "--bind", "/", "/", env={**os.environ, "SHELL": "/bin/bash"})
    assert (status, out) == (2, "")
    assert err.startswith("/bin/bash: --bind: invalid option\n")


def test_the_order_of_arguments(here):
    (here.parent / "p.toml").write_text(
        'schema_version = "1"\nextends = "shell"\n[entrypoint]\ncmd = "printf"\nargs = ["<%s>", "profile"]\n'
    )
    Path("args").write_bytes(b"from a file\nof two lines\n")
    assert told("-p", "../p.toml", "--args-file", "args", "--arg", "one", "-a", "two", "--", "three", "--four") == (
        0, "<profile><one><two><three><--four><from a file\nof two lines\n>", "",
    )  # fmt: skip
    assert told("-p", "../p.toml", "--entrypoint", "echo", "--arg", "one", "--", "two") == (0, "one two\n", "")


@pytest.mark.parametrize(
    ("make", "status", "error"),
    [
        (None, 127, said("`./it` does not exist in `{here}`")),
        (lambda it: it.write_text("x"), 126, said("`./it` cannot be executed", hint="`chmod +x ./it`, or name its interpreter")),
        (lambda it: it.mkdir(), 126, said("`./it` is a folder", hint="`inner run -- COMMAND ARGS`")),
        (lambda it: (it.write_text("#!/none\n"), it.chmod(0o755)), 127, said("`./it` cannot be started in the box: it, or the interpreter it names, is not there")),
        (lambda it: it.symlink_to("/nonexistent/x"), 127, said("`./it` does not exist in `{here}`")),
        (lambda it: os.mkfifo(it), 126, said("`./it` cannot be executed", hint="`chmod +x ./it`, or name its interpreter")),
    ],
)  # fmt: skip
def test_a_command_that_cannot_be_run(here, make, status, error):
    if make:
        make(here / "it")
    assert told("--", "./it") == (status, "", error.format(here=here))


def test_a_command_that_does_not_exist_or_is_not_shown(here):
    assert told("--", "nonesuch") == (
        127,
        "",
        said("`nonesuch` does not exist", hint="`inner run -- COMMAND ARGS`; commands are looked for on PATH"),
    )
    assert told("--", "\x1b[31mred") == (
        127,
        "",
        said("`\\x1b[31mred` does not exist", hint="`inner run -- COMMAND ARGS`; commands are looked for on PATH"),
    )
    tool = here.parent / "tools" / "mine"
    tool.parent.mkdir()
    tool.write_text("#!/bin/sh\necho mine\n")
    tool.chmod(0o755)
    (here.parent / "off.toml").write_text('schema_version = "1"\nextends = "shell"\n[sandbox]\ntoolchains = "off"\n')
    hint = f"`-m {tool.parent}:{tool.parent}` shows its folder, read-only"
    missing = said(f"`{tool}` is not in the box: outside it is `{tool}`", hint=hint)
    assert told("-p", "../off.toml", "--", str(tool)) == (127, "", missing)
    assert told("-p", "../off.toml", "-m", f"{tool.parent}:{tool.parent}", "--", str(tool)) == (0, "mine\n", "")


def test_no_command_is_a_shell_that_reads_its_input(here):
    assert told(input="echo from stdin; pwd\nexit 3\n", stdin=None) == (3, f"from stdin\n{here}\n", "")


def test_a_run_without_a_terminal_has_none(here):
    assert told("-i", "--", "sh", "-c", "tty; exec 2>&1; (: > /dev/tty) || echo none")[1].splitlines()[0] == "not a tty"


def test_time_is_up(here):
    assert told("--timeout", "1", "--", "sh", "-c", "echo begun; sleep 60; echo never") == (
        124, "begun\n", "inner: ended after 1 s: the time limit of this run\n",
    )  # fmt: skip


def test_an_interrupt_reaches_the_command_and_its_status_comes_back(here):
    script = 'trap "echo caught; exit 9" INT; echo ready; while :; do sleep 0.1; done'
    child = subprocess.Popen([*INNER, "run", "--", "sh", "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert child.stdout.readline() == "ready\n"
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=30)
    assert (child.returncode, out, err) == (9, "caught\n", "")


# --- what cannot be a box -----------------------------------------------------------------------------------------------


def test_folders_that_no_box_works_in(here):
    home = here.parent / "home"
    holds = f"`{here.parent}` is a folder that holds your home folder: a box that may write there is none"
    (here / "file").write_text("")
    (here / "link").symlink_to(home)
    for folder, error, hint in (
        ("/", "`/` cannot be writable in a box: programs outside run or believe what lies there", START),
        ("/etc", "`/etc` cannot be writable in a box: programs outside run or believe what lies there", START),
        (
            "/usr/lib",
            f"`{Path('/usr/lib').resolve()}` cannot be writable in a box: programs outside run or believe what lies there",
            START,
        ),
        (str(home), f"`{home}` is your home folder: a box that may write there is none", START),
        ("link", f"`{home}` is your home folder: a box that may write there is none", START),
        ("..", holds, START),
        (str(here.parent), holds, START),
        ("/nonexistent", "the folder to work in, `/nonexistent`, does not exist", "name one with `-w PATH`"),
        ("file", f"the folder to work in, `{here}/file`, is not a folder", "name one with `-w PATH`"),
    ):
        assert told("-w", folder, "--", "true") == (125, "", said(error, hint=hint)), folder


def test_mounts_that_cannot_be(here):
    home = here.parent / "home"
    (home / ".ssh").mkdir()
    forms = "`SRC:DEST[:MODE]`, where MODE is one of ro, rw, safe-rw, tmpfs, overlay"
    line, below = "the command line", "mount it read-only, or a folder below it"
    believed = "cannot be writable in a box: programs outside run or believe what lies there"
    for text, error, where, hint in (
        ("a", "the mount `a` does not say where to", "", forms),
        ("a:b:c:d", "the mount `a:b:c:d` has an unknown mode or too many colons", "", forms),
        ("/a:/b:rx", "the mount `/a:/b:rx` has an unknown mode or too many colons", "", forms),
        ("\x1b:", "the mount `\\x1b:` lacks its destination", "", "for instance `~/data:/data:ro`"),
        (":/x", "the mount `:/x` lacks its source", "", "for instance `~/data:/data:ro`"),
        ("/a:/b:tmpfs", "the mount `/a:/b:tmpfs` names a source, and a tmpfs has none: it is empty", "", "`:/b:tmpfs`"),
        ("/nonexistent:/x", "`/nonexistent` is to be mounted and does not exist", line, "`mkdir -p /nonexistent`, or take the mount out"),
        ("./none:/x", f"`{here}/none` is to be mounted and does not exist", line, f"`mkdir -p {here}/none`, or take the mount out"),
        (".:x", "`x` is not an absolute path", line, "begin with `/`, `~/` or `${workdir}/`"),
        ("/:/x:rw", f"`/` {believed}", line, below),
        ("~:/x:rw", f"`{home}` is your home folder: a box that may write there is none", line, below),
        (f"{home.parent}:/x:rw", f"`{home.parent}` is a folder that holds your home folder: a box that may write there is none", line, below),
        ("/etc:/x:rw", f"`/etc` {believed}", line, below),
        ("/usr/share:/x:rw", f"`/usr/share` {believed}", line, below),
        ("/usr:/", "nothing can be mounted over the root of the box", line, "`root = \"host-ro\"` shows the host's root"),
        ("~/.ssh:/x", f"`{home}/.ssh` is hidden from every box", line, "`--allow ssh-keys` grants it, read-only, without a mount"),
        (".:/proc/x", "`/proc/x` cannot be mounted: `/proc` has no such entry in every box", line, ""),
        (".:/usr/x", "`/usr/x` cannot be mounted: it does not exist, and `/usr` is read-only", line, "make it first: `mkdir -p /usr/x`, or choose another place for it"),
    ):  # fmt: skip
        assert told("-m", text, "--", "true") == (125, "", said(error, where, hint)), text


def test_mounts_that_can_be(here):
    data = here.parent / "data"
    data.mkdir()
    (data / "file").write_text("content\n")
    assert told("-m", f"{data}:/data", "--", "sh", "-c", "cat /data/file; echo x 2>/dev/null > /data/new || echo read-only") == (
        0,
        "content\nread-only\n",
        "",
    )
    assert told("-m", "../data:/data:rw", "--", "sh", "-c", "echo new > /data/new") == (0, "", "")
    assert (data / "new").read_text() == "new\n"
    assert told("-m", f"{data}:{data}:safe-rw", "--", "sh", "-c", f"echo changed > {data}/file; cat {data}/file") == (
        0,
        "changed\n",
        "",
    )
    assert (data / "file").read_text() == "content\n"
    assert told("-m", ":/scratch:tmpfs", "--", "sh", "-c", "echo x > /scratch/x; ls /scratch") == (0, "x\n", "")
    assert told("-m", f"{here}:{here}:ro", "--", "sh", "-c", "(: > x) 2>/dev/null || echo no") == (0, "no\n", "")


def test_variables(here):
    assert told("-e", "A=1", "-e", "B=", "-e", "C=x=y\nz", "--", "sh", "-c", 'echo "$A[$B]$C"') == (0, "1[]x=y\nz\n", "")
    for text in ("A", "1A=1", "=x", "A-B=x", "é=1", ""):
        shown = text.replace("é", "\\xe9")
        assert told("-e", text, "--", "true") == (
            125,
            "",
            said(f"`{shown}` does not set a variable", hint="for instance `LOG_LEVEL=debug`"),
        ), text
    assert told("-e", "PATH=/evil", "--", "true") == (
        0,
        "",
        "warning: `PATH` is inner's to set in every box: the value from `the command line` is not taken\n",
    )


# --- profiles and options that cannot be --------------------------------------------------------------------------------


def test_profiles_that_cannot_be(here):
    (here / "bad.toml").write_text('schema_version = "1"\nextends = "shell"\n[sandbox]\nnetwork_mode = "maybe"\n')
    (here / "broken.toml").write_text('schema_version = "1"\n[sandbox\n')
    (here / "folder.toml").mkdir()
    for name, error, where, hint in (
        ("./bad.toml", "`sandbox.network_mode` cannot be `maybe`", f"{here}/bad.toml:4", "one of: off, allowlist, full"),
        ("broken.toml", "this is not TOML: expected ']' at the end of a table declaration", f"{here}/broken.toml:2", "strings need quotes, lists `[...]`"),
        ("./none.toml", "the file cannot be read: no such file or directory", f"{here}/none.toml", ""),
        ("shel", "profile `shel` does not exist", "", "did you mean `shell`? `inner profile list` shows all profiles"),
        ("nosuch", "profile `nosuch` does not exist", "", "`inner profile list` shows all profiles"),
        ("\x1b[31m", "`\\x1b[31m` is not the name of a profile", "", "names have lower-case letters, digits, `.`, `_` and `-`; a path has a `/` in it or ends in `.toml`"),
    ):  # fmt: skip
        assert told("-p", name, "--", "true") == (125, "", said(error, where, hint)), name
    status, out, err = told("-p", "./folder.toml", "--", "true")
    assert (status, out) == (125, "") and err.startswith("error: ") and f"--> {here}/folder.toml" in err


def test_an_unreadable_profile(here):
    (here / "secret.toml").write_text('schema_version = "1"\n')
    (here / "secret.toml").chmod(0)
    if os.geteuid() == 0:  # root reads everything: a place that not even root can read
        assert told("-p", "/proc/self/mem/x.toml", "--", "true")[0] == 125
        return
    assert told("-p", "./secret.toml", "--", "true") == (
        125,
        "",
        said("the file cannot be read: permission denied", f"{here}/secret.toml"),
    )


@pytest.mark.parametrize(
    ("words", "error", "hint"),
    [
        (("--bogus",), "there is no option `--bogus`", USAGE),
        (("--alow-host", "a.test"), "there is no option `--alow-host`", f"did you mean `--allow-host`? {USAGE}"),
        (("-p",), "option `-p` requires an argument", USAGE),
        (("--timeout", "x", "--", "true"), "invalid value for `--timeout`: `x` is not a number", USAGE),
        (("--timeout", "-1", "--", "true"), "`-1.0` is not a time", "seconds, 0 for no limit"),
        (("--timeout", "nan", "--", "true"), "`nan` is not a time", "seconds, 0 for no limit"),
        (("--no-network", "--allow-host", "a.test", "--", "true"), "no network and a host that can be reached contradict each other", "leave one of them out"),
        (("--block", "a b", "--", "true"), "`a b` is not the name of a command", "a name without a path, such as `apt-get`"),
        (("--block", "../x", "--", "true"), "`../x` is not the name of a command", "a name without a path, such as `apt-get`"),
        (("--allow", "npmr", "--", "true"), "`npmr` is nothing that can be allowed", "did you mean `npmrc`?"),
        (("--", ""), "the command is empty", "`inner run -- COMMAND ARGS`"),
    ],
)  # fmt: skip
def test_options_that_cannot_be(here, words, error, hint):
    assert told(*words) == (125, "", said(error, hint=hint))


def test_files_of_arguments_that_cannot_be(here):
    put = "put the text into a file of the project and name"
    Path("nul").write_bytes(b"a\0b")
    Path("large").write_bytes(b"a" * (2 * 1024 * 1024 + 1))
    Path("long").write_bytes(b"a" * (128 * 1024))
    Path("folder").mkdir()
    for name, status, error, where, hint in (
        ("none", 125, "cannot read the arguments in `none`: No such file or directory", "none", ""),
        ("folder", 125, "cannot read the arguments in `folder`: Is a directory", "folder", ""),
        ("nul", 125, "`nul` holds a NUL byte: it is not a text", "nul", ""),
        ("large", 125, "`large` is larger than 2 MiB", "", f"{put} the file"),
        ("long", 126, "an argument of 128 KiB is longer than the 128 KiB that the kernel takes for one", "", f"{put} that file"),
    ):
        assert told("--args-file", name, "--", "echo") == (status, "", said(error, where, hint)), name
    Path("fits").write_bytes(b"a" * (128 * 1024 - 1))
    assert told("--args-file", "fits", "--", "sh", "-c", "echo ${#1}", "sh") == (0, f"{128 * 1024 - 1}\n", "")


# --- hosts that cannot --------------------------------------------------------------------------------------------------


def test_without_bubblewrap_it_says_how_to_get_it(here):
    places = [place for place in ("/usr/bin/bwrap", "/usr/local/bin/bwrap") if os.path.exists(place)]
    hide = [word for place in places for word in ("--ro-bind", "/dev/null", place)]
    line = ["bwrap", "--dev-bind", "/", "/", *hide, "--", *INNER, "run", "--", "true"]
    done = subprocess.run(
        line, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL, env={**os.environ, "PATH": "/usr/bin:/bin"}
    )
    assert (done.returncode, done.stdout) == (125, "")
    assert done.stderr.startswith("error: bubblewrap is not installed\nhint: install it: `")
    assert done.stderr.count("\n") == 2


def test_without_user_namespaces_it_says_what_to_set(here):
    line = [
        "unshare",
        "-Ur",
        "sh",
        "-c",
        'echo 0 > /proc/sys/user/max_user_namespaces && exec "$@"',
        "sh",
        *INNER,
        "run",
        "--",
        "true",
    ]
    done = subprocess.run(line, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
    assert (done.returncode, done.stdout) == (125, "")
    assert done.stderr.endswith(
        said(
            "this kernel allows no user namespaces",
            "/proc/sys/user/max_user_namespaces",
            "`sudo sysctl -w user.max_user_namespaces=15000`",
        )
    )


# --- looking before -----------------------------------------------------------------------------------------------------


def test_a_dry_run_starts_nothing_and_shows_no_value(here):
    status, out, err = told(
        "--dry-run", "-e", "KEPT=shown", "--", "touch", "made", env={**os.environ, "TERM": "secret-of-the-caller"}
    )
    assert (status, err, list(here.iterdir())) == (0, "", [])
    assert "secret-of-the-caller" not in out
    lines = out.splitlines()
    assert lines[0] == "profile      shell: A shell in the project, without network"
    assert "command      touch made" in lines
    assert f"  {here}" in out
    assert "  KEPT                      set  the command line" in lines


def test_a_dry_run_as_json_is_one_document(here):
    status, out, err = told("--dry-run", "--json", "--", "true")
    document = json.loads(out)
    assert (status, err) == (0, "")
    assert (document["schema"], document["kind"], document["data"]["command"]) == (1, "plan", ["true"])
    assert {mount["type"] for mount in document["data"]["mounts"]} <= {
        "bind",
        "tmpfs",
        "overlay",
        "mask",
        "data",
        "symlink",
        "dir",
        "proc",
        "dev",
    }


def test_a_dry_run_of_what_cannot_be_is_the_same_error(here):
    assert told("--dry-run", "--", "nonesuch")[0] == 127
    assert told("--dry-run", "-w", "/", "--", "true")[0] == 125


def test_what_the_dry_run_prints_makes_the_same_box(here):
    """The lines for bash at its end run as they are, and leave nothing behind."""
    words = (
        "--",
        "sh",
        "-c",
        "echo in the box; ls -A ~ .; wc -l < /etc/gitconfig; mkdir .git/x 2>/dev/null || echo protected",
    )
    shown = told("--dry-run", *words)[1]
    places = json.loads(told("--dry-run", "--json", *words)[1])["data"]["guard"]["placeholders"]
    assert all(f"\n  {place['path']}\n" in shown for place in places)
    same = told(*words)[1]
    assert list(here.iterdir()) == []
    script = here.parent / "again"
    script.write_text(shown.partition("the same in bubblewrap's words")[2].partition("\n")[2])
    done = subprocess.run(["bash", str(script)], capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
    assert (done.stdout, done.returncode) == (same, 0), done.stderr
    assert same.startswith("in the box\n") and same.endswith("\nprotected\n")
    assert list(here.iterdir()) == []


def test_what_the_dry_run_prints_works_in_a_repository_and_leaves_it_alone(here):
    def git(*words):
        return subprocess.run(["git", "-C", str(here), *words], capture_output=True, text=True, check=True).stdout

    git("init", "-q")
    git("-c", "user.name=A", "-c", "user.email=a@example.org", "commit", "-q", "--allow-empty", "-m", "one")
    words = ("--", "sh", "-c", "git log --format=%s; echo x > .git/made && echo y > file; git status --short")
    shown = told("--dry-run", *words)[1]
    script = here.parent / "again"
    script.write_text(shown.partition("the same in bubblewrap's words")[2].partition("\n")[2])
    done = subprocess.run(["bash", str(script)], capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
    assert (done.stdout, done.returncode) == ("one\n?? file\n", 0), done.stderr
    assert sorted(path.name for path in here.iterdir()) == [".git", "file"]
    assert not (here / ".git/made").exists()


def test_the_dry_run_names_a_line_of_a_built_in_profile_by_the_profile(here):
    shown = told("--dry-run")[1]
    assert "(built-in shell.toml:" in shown
    assert "profiles/shell.toml" not in shown


# --- what other programs leave out --------------------------------------------------------------------------------------


def test_a_repository_that_cannot_be_made_inside_is_explained(here):
    status, _, err = told("git", "init")
    assert status == 128
    assert err.endswith(
        "inner: no repository can be made here from inside: hooks and settings in a `.git` run outside; `git init` first, outside\n"
    )
    assert "inner:" not in told("git", "log")[2]


def test_a_box_in_a_box_is_refused_with_the_reason(here):
    inside = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from inner.__main__ import main; sys.argv = ['inner', 'run', '--', 'true']; main()"
    status, _, err = told("-m", f"{ROOT}:{ROOT}", "--", sys.executable, "-c", inside)
    assert status == 125
    assert err == said(
        "this is inside of a box already, and no other can be made in it",
        "/run/inner/box.json",
        "`inner run` outside; there, `--allow nested-user-ns` lets programs of a box make user namespaces",
    )


def test_a_plan_as_json_is_never_mistaken_for_a_run(here):
    assert told("--json", "--", "touch", "made")[0] == 125
    assert list(here.iterdir()) == []
