from __future__ import annotations

import pytest

from inner.egress import groups
from inner.egress.indexes import SOURCES
from inner.egress.rules import parse
from inner.errors import ConfigError
from inner.facts import Facts

HOME = "/home/user"


def configured(name: str, tree: dict, **env: str):
    host = Facts({path: ("file", text.encode()) for path, text in tree.items()}, env=env)
    source = SOURCES[name]
    texts = {path: text.decode() for path in source.files(host) if (text := host.read(path)) is not None}
    found, instead = source.configured(texts, host.env)
    return [groups.entry(url, lan=True) for url in found], instead


@pytest.mark.parametrize(
    ("name", "tree", "env", "expected", "instead"),
    [
        ("pip", {f"{HOME}/.config/pip/pip.conf": "[global]\nindex-url = https://u:p@pypi.corp.example/simple\n"}, {}, ["lan:pypi.corp.example"], True),
        ("pip", {"/etc/pip.conf": "[global]\nextra-index-url =\n  https://a.example/x\n  http://localhost:3141/y\n"}, {},
         ["lan:a.example", "localhost:3141"], False),
        ("pip", {"/etc/pip.conf": "[global]\nindex-url = https://a.example/\n"}, {"PIP_INDEX_URL": "https://b.example:8443/s"}, ["lan:b.example:8443"], True),
        ("pip", {"/etc/pip.conf": "# index-url = https://a.example/\n[install]\nno-index = true\n"}, {}, [], False),
        ("npm", {f"{HOME}/.npmrc": "//x.example/:_authToken=secret\nregistry=https://x.example/npm/\n@corp:registry=http://10.1.2.3:4873/\n"}, {},
         ["lan:x.example", "10.1.2.3:4873"], True),
        ("npm", {}, {"npm_config_registry": "https://y.example"}, ["lan:y.example"], True),
        ("cargo", {f"{HOME}/.cargo/config.toml": '[source.crates-io]\nreplace-with = "m"\n[source.m]\nregistry = "sparse+https://m.example/i/"\n'}, {},
         ["lan:m.example"], True),
        ("cargo", {f"{HOME}/.cargo/config.toml": "[[["}, {"CARGO_REGISTRIES_CORP_INDEX": "https://c.example/git/index"}, ["lan:c.example"], False),
        ("go", {f"{HOME}/.config/go/env": "GOPROXY=https://p.example|https://q.example,direct\nGOSUMDB=sum.example+033de0ae+Ac4zctda\n"}, {},
         ["lan:p.example", "lan:q.example", "lan:sum.example"], True),
        ("go", {}, {"GOPROXY": "off", "GOSUMDB": "off"}, [], True),
        ("maven", {f"{HOME}/.m2/settings.xml": "<!-- <url>https://no.example</url> --><mirror><url> https://n.example/m </url><mirrorOf>central, x</mirrorOf></mirror>"}, {},
         ["lan:n.example"], True),
        ("maven", {f"{HOME}/.m2/settings.xml": "<repository><url>https://r.example/</url></repository>"}, {}, ["lan:r.example"], False),
        ("apt", {"/etc/apt/sources.list": "deb http://d.example/debian x main\n# deb http://no.example/ x\n",
                 "/etc/apt/sources.list.d/a.sources": "Types: deb\nURIs: https://e.example/a\n"}, {}, ["lan:d.example", "lan:e.example"], True),
    ],
)  # fmt: skip
def test_configuration(name, tree, env, expected, instead):
    assert configured(name, tree, **env) == (expected, instead)


def test_a_project_has_no_say():
    tree = {
        f"{HOME}/project/{name}": "registry=https://evil.example/\nindex-url = https://evil.example/\n"
        for name in (".npmrc", "pip.conf", ".cargo/config.toml")
    }
    for name in groups.ASKED:
        assert "evil" not in str(configured(name, tree))


def test_what_cargo_has_fetched_from():
    host = Facts({f"{HOME}/.cargo/registry/index/index.example-6f17": "dir",
                  f"{HOME}/.cargo/registry/index/index.example-6f17/config.json": ("file", b'{"dl": "https://static.example/crates", "api": null}'),
                  f"{HOME}/.cargo/registry/index/bad-1/config.json": ("file", b"[")}, env={})  # fmt: skip
    assert SOURCES["cargo"].default(host, None) == ("https://bad/", "https://index.example/", "https://static.example/crates")


@pytest.mark.parametrize(
    ("url", "public", "lan"),
    [
        ("https://a.example/x", "a.example", "lan:a.example"),
        ("http://a.example:80/x", "a.example", "lan:a.example"),
        ("http://a.example:443/x", "a.example:443", "lan:a.example:443"),
        ("sparse+https://A.example./", "a.example", "lan:a.example"),
        ("https://user:p@ss@a.example?x", "a.example", "lan:a.example"),
        ("http://127.0.0.1:3141/", "", "127.0.0.1:3141"),
        ("http://[::1]:3141/", "", "[::1]:3141"),
        ("http://localhost/", "", "localhost:80"),
        ("http://10.0.0.1/", "", "10.0.0.1:80"),
        ("http://169.254.169.254/", "", ""),
        ("https://45.45.45.45/", "45.45.45.45", "45.45.45.45"),
        ("https://[2a00::1]:8443/", "[2a00::1]:8443", "[2a00::1]:8443"),
        ("https://a.example:x/", "", ""),
        ("https:///x", "", ""),
        ("file:///x", "", ""),
    ],
)
def test_entries_of_addresses(url, public, lan):
    assert (groups.entry(url), groups.entry(url, lan=True)) == (public, lan)
    for text in (public, lan):
        assert not text or parse(text)


def test_groups_that_are_none():
    for name in ("@nobody", "@", "@pip\n"):
        with pytest.raises(ConfigError) as caught:
            groups.expand([name], Facts({}, env={}))
        assert caught.value.message.isprintable()
        assert "@pip" in caught.value.hint
    found = groups.expand(["github.com", "@github", "a.example"], None)
    assert list(found)[:2] == ["github.com", "github.com:22"]
    assert [found[one] for one in ("github.com", "github.com:22", "a.example")] == ["github.com", "@github", "a.example"]
    for text in groups.GITHUB:
        assert parse(text)
