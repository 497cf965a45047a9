"""`inner run` with a list of hosts, from its profile to what is told at the end."""

from __future__ import annotations

import time
import subprocess
import pytest

pytestmark = pytest.mark.box


def test_a(world):
    world.profile("net", '[sandbox]\nnetwork_mode = "allowlist"\nnetwork_allow = [\n  "allowed.test", # one\n  "@github" # two\n]\n')
    for words in (["run", "--allow-host", "allowed.test", "--", "sh", "-c", "curl -sS http://allowed.test/x; curl -sS http://evil.test/; curl http://127.18.0.2:80; curl http://a.evil.test; curl http://'$(x)'.evil.test"],
        ["run", "-p", "net", "--dry-run", "--", "true"],
        ["log", "show"],
        ):
        done = world.inner(*words)
        print(words, done["status"], done["out"][:1500], done["err"], sep="\n")
    p = world.program(*__import__("program").INNER, "run", "-p", "net", "--publish", "8099:8000", "--", "sh", "-c", "(python3 -m http.server --bind 127.0.0.1 8000 >/dev/null 2>&1 &) ; for i in $(seq 60); do date; curl -sS http://other.test/ || true; curl -m1 http://other.test:9001/; sleep 0.3; done")
    time.sleep(1.5)
    for words in (["approvals"], ["approvals", "allow", "other.test", "--for", "2s"],["approvals", "allow", "other.test:9001", "--save"],["approvals", "allow", "other.test"], ["approvals", "deny", "allowed.test"], ["approvals"], ["approvals", "--json"], ["run", "--publish", "8099", "--", "true"], "curl -s http://127.0.0.1:8099/", "sleep 1.2"):
        done = world.inner(*words) if isinstance(words, list) else world._ask(box={"argv": ["sh", "-c", words], "open": True})
        print(words, done["status"], done["out"][:1500], done["err"], sep="\n")
    p.terminate()
    print(*p.communicate(), sep="\n")
    print(open(world.home / ".config/inner/profiles/net.toml").read())
    assert 0
