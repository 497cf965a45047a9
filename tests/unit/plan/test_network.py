"""What a command line and a profile ask of the network."""

from __future__ import annotations

import pytest

from inner.egress.listing import rules_of
from inner.errors import UsageError
from inner.origin import Origin
from inner.plan.model import Network
from inner.plan.network import published


def test_ports_that_are_published():
    assert published((), "full") == ()
    assert published(("8080", "9000:3000", "8080:8080"), "off") == ((8080, 8080), (9000, 3000))


@pytest.mark.parametrize(
    "text", ["", "0", "65536", "8080:", ":8080", "8080:0", "80a", "-1", "1:2:3", "\u0661", "127.0.0.1:80", "8080:x\n", "999999"]
)
def test_ports_that_are_none(text):
    with pytest.raises(UsageError):
        published((text,), "allowlist")


def test_one_port_for_two_servers_is_refused():
    with pytest.raises(UsageError, match="published twice"):
        published(("8080:1", "8080:2"), "off")


def test_nothing_is_published_from_a_shared_network():
    with pytest.raises(UsageError, match="shares the host's network"):
        published(("8080",), "full")


def test_every_entry_knows_where_it_is_from():
    file, secret = Origin("user", "/p.toml", 3), Origin("user", "/p.toml", 9)
    network = Network(
        "allowlist",
        ("a.test", "@github", "api.test", "key.test"),
        ("b.test",),
        (("api.test", "agent claude"), ("key.test", "credential k")),
    )
    origins = {
        "sandbox.network_allow[a.test]": file,
        "sandbox.network_allow[@github]": Origin("built-in", "/b.toml", 4),
        "sandbox.network_deny[b.test]": file,
        "credentials.k": secret,
    }
    rules = rules_of(network, None, origins)
    found = {entry.text: str(entry.origin) for entry in (*rules.allow, *rules.deny)}
    assert found["a.test"] == found["b.test"] == "/p.toml:3"
    assert found["github.com:22"] == "/b.toml:4"
    assert found["api.test"] == "agent claude"
    assert found["key.test"] == "/p.toml:9"
