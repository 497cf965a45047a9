"""Boxes that cannot be: folders, mounts, variables, profiles, options and hosts that `inner run` refuses, word for word."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from program import INNER, ROOT
from typed import said, told

pytestmark = pytest.mark.box

START = "start in a project: `cd PROJECT`, or name one with `-w PATH`"
USAGE = "`inner run --help` shows what it takes"


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


def test_profiles_that_cannot_be(here):
    (here / "bad.toml").write_text('schema_version = "1"\nextends = "shell"\n[sandbox]\nnetwork_mode = "maybe"\n')
    (here / "broken.toml").write_text('schema_version = "1"\n[sandbox\n')
    (here / "folder.toml").mkdir()
    shared = here.parent / "home/shared.toml"  # the user's own
    shared.write_text('schema_version = "1"\nextends = "shell"\n[sandbox]\npid_namespace = false\n')
    for name, error, where, hint in (
        ("./bad.toml", "`sandbox.network_mode` cannot be `maybe`", f"{here}/bad.toml:4", "one of: off, allowlist, full"),
        ("broken.toml", "this is not TOML: expected ']' at the end of a table declaration", f"{here}/broken.toml:2", "strings need quotes, lists `[...]`"),
        (str(shared), "this version of inner cannot enforce a shared pid namespace", f"{shared}:4", "leave the key out"),
        ("./none.toml", "this profile does not exist", f"{here}/none.toml", "a name without `/` and `.toml` is looked up"),
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
        (("ls", "-la", "a b"), "there is no option `-l`", f"what is for the command follows `--`: `inner run -- ls -la 'a b'`; {USAGE}"),
        (("ls", "-la", "--", "x"), "there is no option `-l`", USAGE),
        (("-p",), "option `-p` requires an argument", USAGE),
        (("--timeout", "x", "--", "true"), "invalid value for `--timeout`: `x` is not a number", USAGE),
        (("--timeout", "-1", "--", "true"), "`-1` is not a time", "seconds, 0 for no limit"),
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


def test_a_box_in_a_box_is_refused_with_the_reason(here):
    inside = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from inner.__main__ import main; sys.argv = ['inner', 'run', '--', 'true']; main()"
    status, _, err = told("-m", f"{ROOT}:{ROOT}", "--", sys.executable, "-c", inside)
    assert status == 125
    assert err == said(
        "this is inside of a box already, and no other can be made in it",
        "/run/inner/box.json",
        "`inner run` outside; there, `--allow nested-user-ns` lets programs of a box make user namespaces",
    )
