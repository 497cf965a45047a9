"""The secret is on the request that the server sees, and nowhere in the box."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.box

GET = "GET /v1 HTTP/1.1\\r\\nHost: {host}\\r\\nAuthorization: Bearer placeholder\\r\\nConnection: close\\r\\n\\r\\n"


def ask(host: str, to: str = "", port: int = 80) -> str:
    return f"print(say('{to or host}', b'{GET.format(host=host)}', {port}, wait=8))\n"


def box(world, code, allow=("allowed.test",), deny=(), *, hosts=("allowed.test",), cert=True, argv=None, **more):
    credential = {"source": "env:API_KEY", "hosts": list(hosts), **more}
    outside = {
        "API_KEY": "s3cret-key",
        **({"SSL_CERT_FILE": str(world.folder / "ca.pem")} if cert else {"SSL_CERT_FILE": "/dev/null"}),
    }
    argv = argv or ["/usr/bin/python3", "-I", "-c", world.prelude + code]
    return world.box(argv, allow, deny, credentials={"api": credential}, outside=outside, refused=True)


def test_the_server_sees_the_secret_and_the_box_does_not(world):
    look = "print([open(f'/proc/{p}/environ').read() for p in os.listdir('/proc') if p.isdigit()], os.environ)\n"
    done = box(world, ask("allowed.test") + look)
    assert "GOOD GET /v1 HTTP/1.1 host=allowed.test auth=bearer s3cret-key" in done["out"], done
    assert done["out"].count("s3cret-key") == 1  # said back by the server
    ((address, port, text),) = world.seen()["seen"]
    assert (address, port) == ("45.45.45.45", "443")
    assert "placeholder" not in text
    assert [(e["event"], e["verdict"]) for e in done["events"]] == [("connect", "allow"), ("close", "allow")]
    assert "s3cret" not in str(done["events"])


def test_real_clients(world):
    for argv in (
        ["curl", "-sS", "http://allowed.test/a", "http://allowed.test/b"],
        ["curl", "-sS", "-T", "/usr/bin/git", "http://allowed.test/up"],
        ["node", "-e", "fetch('http://allowed.test/a').then(r => r.text()).then(t => console.log(t))"],
        [
            "curl",
            "-sS",
            "--output",
            "/dev/null",
            "--write-out",
            "GOOD s3cret-key %{size_download}",
            "http://allowed.test/big/30000000",
        ],
    ):
        done = box(world, "", argv=argv)
        assert done["status"] == 0, done
        assert "GOOD" in done["out"], done
        assert "s3cret-key" in done["out"], done
    assert "30000000" in done["out"]


def test_another_field_and_format(world):
    done = box(world, ask("allowed.test"), header="X-Api-Key", format="k={secret}")
    assert "auth=bearer placeholder" in done["out"]
    assert "x-api-key: k=s3cret-key" in world.seen()["seen"][0][2]


@pytest.mark.parametrize("cert", [False, True])
def test_a_server_that_is_not_the_one(world, cert):
    """With the test's authority unknown nobody is right; with it known, `other.test` is a name that the certificate lacks."""
    host = "other.test" if cert else "allowed.test"
    done = box(world, ask(host), [host], hosts=[host], cert=cert)
    assert "502 Bad Gateway" in done["out"], done
    assert "s3cret" not in str(world.seen()) + done["out"]
    assert done["events"][0]["verdict"] == "deny"
    assert "certificate" in done["events"][0]["reason"] or "mismatch" in done["events"][0]["reason"]


def test_other_hosts_do_not_get_it(world):
    code = (
        ask("evil.test", "allowed.test") + ask("wild.test") + ask("allowed.test", port=8080)
        + "print(say('127.18.0.1', b'GET http://allowed.test/ HTTP/1.1\\r\\nHost: allowed.test\\r\\n\\r\\n', 3128))\n"
        "print(say('127.18.0.1', b'GET http://wild.test/ HTTP/1.1\\r\\nHost: allowed.test\\r\\n\\r\\n', 3128))\n"
        "print(say('allowed.test', b'TRACE / HTTP/1.1\\r\\nHost: allowed.test\\r\\n\\r\\n'))\n"
        "print(say('allowed.test', b'GET / HTTP/1.1\\r\\nHost: allowed.test\\r\\nConnection: authorization, close\\r\\n\\r\\n'))\n"
        "print(fetch('allowed.test', 'allowed.test'))\n"
    )  # fmt: skip
    done = box(world, code, ["allowed.test", "wild.test", "allowed.test:8080"])
    lines = done["out"].splitlines()
    assert "421" in lines[0], lines
    assert "placeholder" in lines[1]
    assert "placeholder" in lines[2]
    assert "auth=none" in lines[3].lower()
    assert "auth=none" in lines[4].lower()
    assert "405" in lines[5]
    assert "s3cret-key" in lines[6]  # `Connection` does not strip what is added
    assert "auth=None" in lines[7]
    assert done["out"].count("s3cret-key") == 1


def test_wildcards_deny_and_addresses_inside(world):
    done = box(world, ask("a.wild.test"), ["*.wild.test"], hosts=["*.wild.test"])
    assert "s3cret-key" in done["out"]
    done = box(world, ask("a.wild.test"), ["*.wild.test"], ["a.wild.test:443"], hosts=["*.wild.test"])
    assert "s3cret-key" not in done["out"] + str(world.seen())
    done = box(world, ask("mixed.test"), ["mixed.test"], hosts=["mixed.test"])
    assert "s3cret-key" not in done["out"] + str(world.seen())
    assert "403" in done["out"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"source": "env:NOT_SET"}, "`env:NOT_SET` is not set"),
        ({"source": "file:/etc/hostname"}, "can be read by others"),
        ({"source": "file:relative"}, "not an absolute path"),
        ({"source": "command:/bin/false"}, "failed"),
        ({"source": "command:./project-script"}, "not found"),
        ({"source": "nothing"}, "a source that is none"),
        ({"header": "Host"}, "cannot be the header"),
        ({"format": "none"}, "no place for it"),
        ({"hosts": []}, "for no host"),
        ({"hosts": ["45.45.45.45"]}, "is none"),
    ],
)
def test_what_cannot_be_a_credential(world, change, message):
    hosts = change.pop("hosts", ["allowed.test"])
    done = box(world, "print(1)", hosts=hosts, **change)
    assert message in done.get("refused", ""), done
    assert "s3cret" not in str(done)


@pytest.mark.parametrize("source", ["file", "command", "command-with-words"])
def test_sources(world, tmp_path, source):
    secret = tmp_path / "secret"
    secret.write_text("from-a-source\n")
    secret.chmod(0o600)
    text = {
        "file": f"file:{secret}",
        "command": f"command:cat {secret}",
        "command-with-words": f"command:sh -c 'cat \"{secret}\"'",
    }[source]
    done = box(world, ask("allowed.test"), source=text)
    assert "auth=bearer from-a-source" in done["out"], done


def test_an_answer_that_comes_before_the_end_of_an_upload_arrives(world):
    script = "head -c 30000000 /dev/zero > /tmp/f; curl -sS -H Expect: -T /tmp/f http://allowed.test/early"
    done = box(world, "", argv=["sh", "-c", script])
    assert "TOO MUCH" in done["out"], done


def test_a_server_that_breaks_off_ends_its_own_connection_only(world):
    get = "GET {} HTTP/1.1\\r\\nHost: allowed.test\\r\\n\\r\\n"
    code = (
        f"s = socket.create_connection(('allowed.test', 80), 5); s.sendall(b'{get.format('/garbage')}')\n"
        "print(s.recv(9))\n"
        "try:\n"
        f"    for _ in range(9): s.sendall(b'{get.format('/again')}'); time.sleep(0.05)\n"
        "except OSError as e: print(e)\n"
    )
    done = box(world, code + ask("allowed.test"))
    assert "GOOD GET /v1" in done["out"], done
