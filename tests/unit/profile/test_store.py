"""Resolved profiles are kept with all they depend on: a hit is what resolving would have said, and every change is a miss."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from inner import kept
from inner.config.project import discover
from inner.config.trust import Trust
from inner.profile import store, writer
from inner.request import Request


@pytest.fixture
def caching(machine, monkeypatch):
    """The machine, with a cache that takes files however new they are, and the number of times something was resolved anew."""
    monkeypatch.setattr(kept, "SETTLED", -(1 << 62))
    machine.env["XDG_CACHE_HOME"] = str(machine.root / "cache")
    return machine


DEFAULT = Request()


def get(machine, request=DEFAULT):
    """The profile, and whether it was found kept."""
    host = machine.host()
    project = discover(host, request.workdir)
    known = store.find(request, host, project)
    return (known, True) if known is not None else (writer.resolved(request, host, project)[0], False)


REQUESTS = (
    Request(),
    Request(profile="claude-one-shot"),
    Request(profile="python", network=True, allow=("npmrc",), block=("make",)),
    Request(allow_host=("a.test:22",), mount=("/srv:/srv:ro",), timeout=5.0, limit_memory="1G", entrypoint="/bin/true"),
    Request(env=("A=1", "B=two")),
)


@pytest.mark.parametrize("request_", REQUESTS)
def test_a_hit_is_what_resolving_says(caching, request_):
    first, hit = get(caching, request_)
    assert not hit
    second, hit = get(caching, request_)
    assert hit
    assert second == first


def test_a_worktree_never_seen_is_a_hit_unless_it_has_configuration(caching):
    caching.write("user", "mine", 'extends = "shell"\n')
    get(caching, Request(profile="mine"))
    other = caching.root / "elsewhere"
    other.mkdir()
    assert get(caching, Request(profile="mine", workdir=str(other)))[1]
    (other / ".inner.toml").write_text('default_profile = "python"\n')
    assert not get(caching, Request(profile="mine", workdir=str(other)))[1]


def test_every_change_of_a_layer_is_a_miss(caching):
    path = caching.write("user", "mine", 'extends = "shell"\ndescription = "one"\n')
    request = Request(profile="mine")
    get(caching, request)
    assert get(caching, request)[1]
    stamp = os.stat(path)
    path.write_text(path.read_text().replace("one", "two"))  # the same size
    os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))  # and time
    profile, hit = get(caching, request)
    assert (profile.description, hit) == ("two", False)


def test_a_profile_that_would_take_precedence_is_a_miss(caching):
    get(caching, Request(profile="python"))
    assert get(caching, Request(profile="python"))[1]
    caching.write("user", "python", 'description = "mine"\n')
    profile, hit = get(caching, Request(profile="python"))
    assert (profile.description, hit) == ("mine", False)


def test_settings_and_their_variables_count(caching):
    get(caching)
    config = caching.home / ".config/inner/config.toml"
    config.parent.mkdir(parents=True, exist_ok=True)
    config.write_text('default_profile = "python"\n')
    profile, hit = get(caching)
    assert (profile.name, hit) == ("python", False)
    caching.env["INNER_DEFAULT_PROFILE"] = "rust"
    assert get(caching)[0].name == "rust"


def test_trust_and_its_end_are_misses(caching):
    file = caching.project / ".inner.toml"
    file.write_text('schema_version = "1"\n[profiles.shell.sandbox]\nnetwork_mode = "full"\n')
    assert get(caching)[0].sandbox.network_mode == "off"
    assert get(caching)[1]
    trust = Trust.of(caching.host())
    trust.approve(str(file), file.read_bytes())
    profile, hit = get(caching)
    assert (profile.sandbox.network_mode, hit) == ("full", False)
    assert get(caching)[1]
    trust.revoke(str(file))
    profile, hit = get(caching)
    assert (profile.sandbox.network_mode, hit) == ("off", False)


def test_values_of_variables_are_not_stored(caching):
    get(caching, Request(env=("TOKEN=INNERCANARY-1", "SHOWN=x")))
    profile, hit = get(caching, Request(env=("TOKEN=INNERCANARY-2", "SHOWN=y")))
    assert hit
    assert dict(profile.env.set)["TOKEN"] == "INNERCANARY-2"
    assert str(profile.origin("env.set.TOKEN")) == "the command line"
    for path in Path(caching.env["XDG_CACHE_HOME"]).rglob("*"):
        assert not path.is_file() or b"INNERCANARY" not in path.read_bytes()


def test_a_file_that_changed_a_moment_ago_is_not_kept(machine):
    machine.env["XDG_CACHE_HOME"] = str(machine.root / "cache")
    machine.write("user", "mine", 'extends = "shell"\n')
    get(machine, Request(profile="mine"))
    store_folder = machine.root / "cache/inner/profiles"
    assert not store_folder.exists() or not any(store_folder.iterdir())


def test_a_forged_entry_is_a_miss(caching):
    get(caching)
    (entry,) = (caching.root / "cache/inner/profiles").iterdir()
    os.chmod(entry, 0o622)
    assert not get(caching)[1]
