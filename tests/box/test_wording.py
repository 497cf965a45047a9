"""bubblewrap's words that are kept beside a plan are those that the plan has: another one, or another bubblewrap, has its own."""

from __future__ import annotations

import os

import pytest

from inner.errors import ConfigError, RunError
from inner.frozen import replace
from inner.host import RealHost
from inner.launch import wording, wordsmade
from inner.launch.fds import Descriptors, resolve
from inner.launch.features import probe
from inner.launch.wordsmade import packed
from inner.paths import BoxPath, HostPath
from inner.plan import store, writer
from inner.plan.model import Data, Overlay, Private, Variable
from inner.profile.model import Profile
from inner.records.write import outline
from inner.request import Request
from inner.words import Content, Given, Opened, Source, unpacked

RUN = "/proc/state/runs/20260101-000000-aaaaaa"  # where nobody can keep an /etc


@pytest.fixture
def kept(tmp_path):
    """`plan, prepared = kept(run_dir)` of a start; the second one finds what the first has kept."""
    home, project = tmp_path / "home", tmp_path / "project"
    home.mkdir()
    project.mkdir()
    env = {"HOME": str(home), "PATH": "/usr/bin:/bin", "SHELL": "/bin/sh"}
    features = probe(env)

    def planned(run_dir=RUN):
        host = RealHost(env, cwd=str(project))
        given = (Profile("test"), Request(words=("true",)), host)
        known = store.find(*given, terminal=False, run_dir=run_dir)
        if known is not None:
            return known[:2]
        return writer.made(
            *given, terminal=False, run_dir=run_dir, beside=lambda plan: wordsmade.prepared(plan, features, run_dir)
        ), None

    planned.features = features
    return planned


def told(words):
    """What bubblewrap reads, whatever pieces it is in, and what stands for a descriptor."""
    found = [b""]
    for word in words:
        if isinstance(word, (str, bytes)):
            found[-1] += word if isinstance(word, bytes) else os.fsencode(word) + b"\0"
        else:
            found += [word, b""]
    return found


def test_words_that_were_kept_are_those_of_the_plan(kept):
    plan, new = kept()
    assert new is None
    again, prepared = kept()
    assert again == plan
    limitations, words, name, _ = wording.found(prepared, kept.features)
    assert told(words) == told(wordsmade.made(plan, kept.features)[1])
    assert limitations == wordsmade.made(plan, kept.features)[0]
    assert name == outline(plan, RUN)
    assert any(isinstance(word, Source) for word in words)


def test_the_folder_of_the_run_is_this_runs(kept, tmp_path):
    kept()
    other = RUN.replace("aaaaaa", "bbbbbb")
    plan, prepared = kept(other)
    _, words, name, _ = wording.found(prepared, kept.features)
    assert told(words) == told(wordsmade.made(plan, kept.features)[1])
    assert name == outline(plan, other)


def test_another_bubblewrap_has_other_words(kept):
    kept()
    _, prepared = kept()
    features = kept.features
    assert wording.found(prepared, features)
    for other in (
        replace(features, path=HostPath("/other/bwrap")),
        replace(features, version=(0, 5, 0)),
        replace(features, flags=features.flags - {"size"}),
        replace(features, setuid=True),
    ):
        assert wording.found(prepared, other) is None
    for odd in (None, (), (1, 2, 3, 4), "words"):
        assert wording.found(odd, features) is None


def test_what_a_run_changes_is_not_kept(kept):
    plan, _ = kept()
    assert wordsmade.prepared(plan, kept.features, RUN)
    for change in (
        {"private": (Private(BoxPath("/home/user/.key")),)},
        {"guard": replace(plan.guard, apart=True)},
        {"mounts": (*plan.mounts, Overlay(HostPath("/usr/share"), BoxPath("/data")))},
        {"mounts": (*plan.mounts, Data(BoxPath("/etc/a\0b"), b""))},
    ):
        assert wordsmade.prepared(replace(plan, **change), kept.features, RUN) is None


def test_a_variable_has_its_value_of_now(kept):
    plan, _ = kept()
    named = replace(plan, env=(Variable("TOKEN", None), Variable("FIXED", "one"), Variable("ABSENT", None)))
    assert wording.variables(named, {"TOKEN": "t0"}) == ("--setenv", "TOKEN", "t0", "--setenv", "FIXED", "one")
    with pytest.raises(ConfigError):
        wording.variables(named, {"TOKEN": "a\0b"})


def test_words_go_there_and_back():
    operations = [("--a", "b"), ("--c", Content(b"d"), "e"), ("--f", Source(HostPath("/g"), 3)), ("--h", Opened(HostPath("/i")))]
    words = unpacked(packed(operations))
    assert words == (
        b"--a\0b\0--c\0",
        Content(b"d"),
        b"e\0--f\0",
        Source(HostPath("/g"), 3),
        b"--h\0",
        Opened(HostPath("/i")),
        b"",
    )
    with pytest.raises(TypeError):
        packed([("--status", Given("status"))])


@pytest.mark.parametrize("change", ["longer", "gone", "linked", "folder"])
def test_a_file_of_the_host_that_is_not_what_was_planned_with_is_not_copied(tmp_path, change):
    file = tmp_path / "file"
    file.write_bytes(b"one")
    words = (Source(HostPath(str(file)), 3),)
    made = Descriptors()
    text, (fd,) = resolve(words, made, {})
    assert (text, os.read(fd, 9)) == (b"%d\0" % fd, b"one")
    made.close()
    file.unlink()
    if change == "longer":
        file.write_bytes(b"another")
    elif change == "linked":
        (tmp_path / "real").write_bytes(b"two")
        file.symlink_to(tmp_path / "real")
    elif change == "folder":
        file.mkdir()
    with pytest.raises(RunError, match="changed while this run began"):
        resolve(words, made, {})
    assert not made.open
