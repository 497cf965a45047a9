"""The key is on the requests that the vendor's host sees and nowhere in the box, with the real agents: they speak plain HTTP to the
vendor's name, and inner adds the key and speaks TLS.

The vendor's host is a server of the test in a network namespace of its own, with a certificate that the test made.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from program import INNER
from test_one_shot import TASK, WRITE

HERE = Path(__file__).parent
REAL = "the-real-key-of-the-vendor-0123456789"
SETUP = """\
set -e
ip link set lo up
ip addr add 45.45.45.45/32 dev lo
echo 0 > /proc/sys/net/ipv4/ip_unprivileged_port_start
mount --bind "$1/hosts" /etc/hosts
mount --bind "$1/nsswitch.conf" /etc/nsswitch.conf
shift
exec setpriv --inh-caps=-all --ambient-caps=-all --bounding-set=-all "$@"
"""
# agent: host, header, format, more arguments
AGENTS = {
    "claude": ("api.anthropic.com", "x-api-key", "{secret}", ()),
    "codex": ("api.openai.com", "authorization", "Bearer {secret}", ("-m", "gpt-5")),
    "gemini": ("generativelanguage.googleapis.com", "x-goog-api-key", "{secret}", ()),
    "aider": ("api.openai.com", "authorization", "Bearer {secret}", ()),
    "opencode": ("api.anthropic.com", "x-api-key", "{secret}", ("-m", "anthropic/claude-sonnet-4-5")),
}


@pytest.fixture(scope="module")
def vendor(tmp_path_factory) -> Path:
    """A folder with a certificate for all these hosts, its authority, and the names' addresses."""
    folder = tmp_path_factory.mktemp("vendor")
    hosts = sorted({host for host, *_ in AGENTS.values()})
    (folder / "hosts").write_text("127.0.0.1 localhost\n" + "".join(f"45.45.45.45 {host}\n" for host in hosts))
    (folder / "nsswitch.conf").write_text("passwd: files\ngroup: files\nhosts: files\n")
    new = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30"]
    names = "subjectAltName=" + ",".join(f"DNS:{host}" for host in hosts)
    for words in (
        [*new, "-subj", "/CN=ca.test", "-keyout", "ca.key", "-out", "ca.pem", "-addext", "keyUsage=critical,keyCertSign"],
        [*new, "-subj", "/CN=vendor.test", "-CA", "ca.pem", "-CAkey", "ca.key", "-keyout", "key.pem", "-out", "cert.pem", "-addext", names,
         "-addext", "basicConstraints=critical,CA:FALSE"],
    ):  # fmt: skip
        subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)
    return folder


@pytest.mark.parametrize("agent", AGENTS)
def test_the_key_is_on_the_request_and_not_in_the_box(world, vendor, agent):
    host, header, form, more = AGENTS[agent]
    model = 'set = { AIDER_MODEL = "openai/test-model" }' if agent == "aider" else ""
    world.profile(
        "keyed",
        f'extends = "{agent}-one-shot"\n[env]\n{model}\n[credentials.key]\nsource = "env:VENDOR_KEY"\nhosts = ["{host}"]\n'
        f'header = "{header}"\nformat = "{form}"\n',
    )
    look = "; env > variables; cat /proc/*/environ /proc/*/cmdline >> variables 2>/dev/null; true"
    words = [*INNER, "run", "-p", "keyed", *(word for one in more for word in ("--arg", one)), "--arg", TASK]
    done = subprocess.run(
        ["unshare", "--user", "--map-user=1000", "--map-group=1000", "--keep-caps", "--net", "--mount", "--fork", "--kill-child",
         "/bin/sh", "-c", SETUP, "sh", str(vendor), sys.executable, str(HERE / "vendor.py"), str(vendor), WRITE + look, *words],
        cwd=world.project, env={**world.env, "VENDOR_KEY": REAL, "SSL_CERT_FILE": str(vendor / "ca.pem")}, capture_output=True, text=True,
        timeout=180, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["status"] == 0, told
    assert told["keys"] == [REAL]
    assert (world.project / "hello.txt").read_text() == "hello from the box\n"
    assert REAL not in told["out"] + told["err"]
    for path in world.project.rglob("*"):
        assert path.is_dir() or REAL.encode() not in path.read_bytes(), path
    if agent != "aider":
        assert "inner-puts-the-key" in (world.project / "variables").read_text()
