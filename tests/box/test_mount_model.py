"""The model of the box's file system against the kernel's answers, on random trees and random mounts.

Each plan starts one box, which is asked about many paths; each answer is compared with MountTable's, and what has appeared on
the host afterwards with what `scaffolding` said would.
"""

from __future__ import annotations

import ast
import os
import random
import shutil
import stat

import pytest
from planned import BASE, PYTHON, plan_of, start

from inner.errors import ConfigError
from inner.host import RealHost
from inner.launch.features import probe
from inner.paths import BoxPath, HostPath, ancestors
from inner.plan.model import MIB, Bind, Data, Dir, Mask, Symlink, Tmpfs
from inner.plan.mounts import MountTable, below, ground, order, scaffolding, simplify

pytestmark = pytest.mark.box

ASKED = """\
import os, stat, sys
def kind(path, look):
    try: mode = look(path).st_mode
    except OSError: return ""
    for test, name in ((stat.S_ISDIR, "dir"), (stat.S_ISREG, "file"), (stat.S_ISLNK, "link")):
        if test(mode): return name
    return "other"
def tried(call, *args):
    try: return call(*args) or "done"
    except OSError as error: return error.errno
def write(path, what):
    if what == "file":
        os.close(os.open(path, os.O_WRONLY))
    elif what == "dir":
        os.mkdir(path + "/.written"); os.rmdir(path + "/.written")
    else:
        return "not tried"
def one(path):
    what = kind(path, os.stat)
    if not what: return kind(path, os.lstat), "", "", 0, 0, b"", 0, 0
    info = os.stat(path)
    content = open(path, "rb").read(200) if what == "file" else b""
    return kind(path, os.lstat), what, os.path.realpath(path), info.st_dev, info.st_ino, content, tried(os.utime, path), tried(write, path, what)
print(repr([one(path) for path in eval(sys.stdin.read())]))
"""
ASK = (PYTHON, "-I", "-S", "-c", ASKED)
EACCES, EROFS = 13, 30


@pytest.fixture(scope="module")
def features():
    return probe({"PATH": "/usr/bin"})


# --- random hosts, random mounts ----------------------------------------------------------------------------------------


def grow(dice, folder, depth=3):
    """A random tree: folders, files that hold their own path, links of all kinds, a FIFO now and then."""
    for name in "abc":
        path, what = f"{folder}/{name}", dice.random()
        if what < 0.5 and depth:
            os.mkdir(path, 0o755)
            grow(dice, path, depth - 1)
        elif what < 0.72:
            with open(path, "w") as file:
                file.write(path)
            os.chmod(path, 0o644)
        elif what < 0.88:
            up = "../" * dice.randrange(3)
            names = "/".join(dice.choice("abc") for _ in range(dice.randint(1, 3)))
            os.symlink(
                dice.choice((f"{up}{names}", f"/t/{names}", f"/{names}", name, f"{folder}/{names}", "/dev/null", f"./{names}/.")),
                path,
            )
        elif what < 0.91:
            os.mkfifo(path)


def listing(root):
    """Every entry with its kind and content."""
    found = {}
    for folder, folders, files in os.walk(root):
        for name in (*folders, *files):
            path = f"{folder}/{name}"
            mode = os.lstat(path).st_mode
            if stat.S_ISLNK(mode):
                found[path] = ("link", os.readlink(path))
            elif stat.S_ISREG(mode):
                with open(path, "rb") as file:
                    found[path] = ("file", file.read())
            else:
                found[path] = ("dir" if stat.S_ISDIR(mode) else "other", "")
    return found


def place(dice, depth=4):
    return BoxPath("/t" + "".join("/" + dice.choice("abcd") for _ in range(dice.randint(1, depth))))


def one_mount(dice, so_far, entries):
    """A random mount; often near or below one that is there, or of a source that a parent shows already."""
    dest, mode = place(dice), dice.choice(("ro", "rw", "rw"))
    parents = [
        m for m in so_far if isinstance(m, (Bind, Tmpfs)) and m.dest.startswith("/t") and getattr(m, "kind", "dir") == "dir"
    ]
    if parents and dice.random() < 0.6:
        dest = BoxPath(dice.choice(parents).dest + place(dice, 2)[2:])
    what = dice.random()
    if what < 0.55:
        src = dice.choice(sorted(path for path, (kind, _) in entries.items() if kind != "link"))
        under = ground({m.dest: m for m in so_far}, dest)
        if isinstance(under, Bind) and dice.random() < 0.5:
            src, mode = below(under, dest), dice.choice((mode, under.mode))
            if entries.get(src, ("link",))[0] == "link":
                return None
        return Bind(HostPath(src), dest, mode, entries[src][0])
    if what < 0.65:
        return Tmpfs(dest, 1 * MIB, 0o755, mode)
    if what < 0.75:
        return Mask(dest, dice.choice(("dir", "file")))
    if what < 0.85:
        return Data(dest, b"data of " + dest.encode(), 0o644, mode)
    if what < 0.91:
        return Symlink(dice.choice(("a", "../b", "/t/a", "/t/b/c", "/t/c", "d/../c")), dest)
    if what < 0.97:
        return Dir(dest)
    inner = dice.choice(
        (
            "/dev/x",
            "/dev/shm/x",
            "/dev/null",
            "/dev/fd",
            "/dev/pts/x",
            "/proc/keys",
            "/proc/nothing",
            "/proc/sys",
            "/proc/mounts",
            "/proc/1",
        )
    )
    return dice.choice(
        (Mask(BoxPath(inner), dice.choice(("dir", "file"))), Data(BoxPath(inner), b"data of " + inner.encode(), 0o644, "ro"))
    )


def random_plan(dice, root, host):
    """Mounts that the model accepts, in order, and those of the tries that it refused, each with its error."""
    entries = {**listing(root), root: ("dir", "")}
    base = [Tmpfs(BoxPath("/"), 4 * MIB, 0o755, dice.choice(("ro", "rw"))), *BASE[1:]]
    mounts, refused = [], []
    for _ in range(dice.randint(2, 10)):
        mount = one_mount(dice, mounts, entries)
        if mount is None:
            continue
        ordered = simplify(order([*base, *mounts, mount]))
        try:
            scaffolding(ordered, host)
        except ConfigError as error:
            refused.append((ordered, error))
        else:
            mounts.append(mount)
    return simplify(order([*base, *mounts])), refused


def questions(dice, mounts, root):
    paths = {"/", "/t", "/dev/shm", "/dev/stdin", "/dev/null", "/dev/ptmx", "/usr/bin", "/proc/keys", "/proc/nothing"}
    for mount in mounts:
        if mount.dest.startswith(("/t", "/dev/", "/proc/")):
            paths.update((mount.dest, *ancestors(mount.dest)))
            paths.update(mount.dest + tail for tail in ("/a", "/b", "/a/c", "/b/a", "/c/../a", "/./b/", "/c/b/a/d"))
    paths.update(place(dice, 5) + dice.choice(("", "", "/", "/.", "/..")) for _ in range(25))
    paths.add(root)
    return sorted(paths)


def compare(model, path, answer, made):
    """Differences between the kernel and the model at one path, as text. `made` is what bubblewrap has made on the host: its files
    have mode 0444."""
    shallow, what, real, dev, ino, content, touched, written = answer
    link, seen = model
    under_proc = seen.path.startswith("/proc/")
    wrong = []
    if link.kind != shallow:
        wrong.append(f"lstat {shallow!r}, model {link}")
    if seen.kind != what and not (under_proc and seen.kind == "other" and seen.path.split("/")[2] in ("self", "1")):
        wrong.append(f"stat {what!r}, model {seen}")
    if not what or wrong or under_proc:
        return wrong
    if real != seen.path:
        wrong.append(f"realpath {real!r}, model {seen}")
    if seen.host and not isinstance(seen.mount, Dir):
        info = os.stat(seen.host)
        if (info.st_dev, info.st_ino) != (dev, ino):
            wrong.append(f"is not the host's {seen.host}")
    if isinstance(seen.mount, Data) and content != seen.mount.content:
        wrong.append(f"content {content!r}, model {seen}")
    if what == "file" and not seen.host and not isinstance(seen.mount, Data) and content:
        wrong.append(f"content {content!r} in an empty file, model {seen}")
    if not seen.path.startswith(("/dev/", "/usr", "/proc")):  # root owns these
        expected = {"rw": "done", "ro": EROFS}[seen.mode]
        denied = EACCES if isinstance(seen.mount, Mask) or seen.host in made else expected
        if touched != expected or written not in (expected, denied, "not tried"):
            wrong.append(f"touch {touched}, write {written}, model {seen}")
    return wrong


@pytest.mark.parametrize("seed", range(10))
def test_the_model_says_what_the_kernel_says(seed, tmp_path, features):
    host, root, problems, refusals = RealHost({}), str(tmp_path / "h"), [], 0
    for number in range(52):
        dice = random.Random(f"{seed}.{number}")
        os.mkdir(root, 0o755)
        grow(dice, root)
        before = listing(root)
        ordered, refused = random_plan(dice, root, host)
        table, predicted = MountTable(ordered, host), set(scaffolding(ordered, host))
        paths = questions(dice, ordered, root)
        model = [(table.at(path, follow=False), table.at(path)) for path in paths]  # before bubblewrap makes anything
        done = start(plan_of(ordered, ASK), features, repr(paths).encode())
        where = f"seed {seed}.{number}: "
        if done.returncode or not done.made:
            problems.append(f"{where}{done.stderr.decode()} {ordered[8:]}")
        else:
            answers = zip(model, paths, ast.literal_eval(done.stdout.decode()), strict=True)
            problems += [
                f"{where}{path}: {text}" for seen, path, answer in answers for text in compare(seen, path, answer, predicted)
            ]
        after = listing(root)
        if {path for path in after if path not in before} != predicted:
            problems.append(f"{where}made {sorted(after.keys() - before.keys())}, model {sorted(predicted)}")
        if any(after.get(path) != entry for path, entry in before.items()):
            problems.append(f"{where}an entry of the host has changed")
        # what the model refuses bubblewrap refuses too, but for links, which it would follow, and what is a matter of principle
        for mounts, error in refused[:2]:
            if any(ours in error.message for ours in ("symbolic link", "is hidden", "in every box")):
                continue
            refusals += 1
            shutil.rmtree(root)
            os.mkdir(root, 0o755)
            grow(random.Random(f"{seed}.{number}"), root)
            try:
                if start(plan_of(mounts, ASK), features, b"[]").made:
                    problems.append(f"{where}refused {error.message}, but bubblewrap does it: {mounts[8:]}")
            except ConfigError:
                pass  # refused by `words` as well
        shutil.rmtree(root)
    assert not problems, f"{len(problems)} of them:\n" + "\n".join(problems[:12])
    assert refusals > 10
