"""Programs that know nothing of inner, in `inner run` with a list of hosts: each reaches what is on it, and nothing else.

Servers are of the test, under `.test` names; the certificates' authority is the test's own, which every program is told its own way.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import tarfile
import zipfile
from base64 import b64encode

import pytest

from egress import served

pytestmark = pytest.mark.box

GO = """\
package main
import ("fmt"; "io"; "net/http"; "os")
func main() { for _, url := range os.Args[1:] { r, err := http.Get(url); if err != nil { fmt.Println("FAILED", err); continue }
  b, _ := io.ReadAll(r.Body); fmt.Print(string(b)) } }
"""
JAVA = """\
import java.net.*; import java.io.*;
public class Get { public static void main(String[] urls) { for (String url : urls) { try (InputStream in = new URL(url).openStream()) {
  System.out.print(new String(in.readAllBytes())); } catch (IOException e) { System.out.println("FAILED " + e); } } } }
"""
NODE = """\
(async () => { for (const url of process.argv.slice(1)) { try { console.log(await (await fetch(url)).text()) }
  catch (e) { console.log("FAILED", e.cause && e.cause.code) } } })()
"""
URLLIB = """\
import sys, urllib.request
for url in sys.argv[1:]:
    try: print(urllib.request.urlopen(url, timeout=20).read().decode())
    except OSError as e: print("FAILED", e)
"""
REQUESTS = """\
import sys, requests
for url in sys.argv[1:]:
    try: print(requests.get(url, timeout=20).text)
    except OSError as e: print("FAILED", type(e).__name__)
"""
S_CLIENT = """\
for name in allowed.test evil.test; do
  printf 'GET /s_client HTTP/1.1\\r\\nHost: allowed.test\\r\\nConnection: close\\r\\n\\r\\n' |
    openssl s_client -quiet -ign_eof -verify_return_error -CAfile "$CA" -connect $name:443 -servername $name 2>&1 | grep GOOD || echo FAILED $name
done
"""
HERE, ELSEWHERE = "https://allowed.test/yes", "https://evil.test/no"


@pytest.fixture(scope="module")
def kit(world):
    """Files that the clients need, mounted read-only at their own place; a profile that says where the authority is."""
    kit = world.folder / "kit"
    kit.mkdir(exist_ok=True)
    (kit / "ca.pem").write_bytes((world.folder / "ca.pem").read_bytes())
    (kit / "go").mkdir(exist_ok=True)
    (kit / "go/main.go").write_text(GO)
    (kit / "Get.java").write_text(JAVA)
    ca = f"{kit}/ca.pem"
    world.profile(
        "clients",
        f"""[sandbox]
network_mode = "allowlist"
network_allow = ["allowed.test", "allowed.test:2222"]
[mounts]
"{kit}" = "ro"
[env]
set = {{ CA = "{ca}", CURL_CA_BUNDLE = "{ca}", SSL_CERT_FILE = "{ca}", NODE_EXTRA_CA_CERTS = "{ca}", PIP_CERT = "{ca}", \
REQUESTS_CA_BUNDLE = "{ca}", GIT_SSL_CAINFO = "{ca}", NPM_CONFIG_CAFILE = "{ca}", GOCACHE = "/tmp/go", GOFLAGS = "-mod=mod", GO111MODULE = "off" }}
""",
    )
    return kit


def run(world, *words, timeout=120):
    done = world.inner("run", "-p", "clients", "--", *words, timeout=timeout)
    print(done["err"])
    return done


def reached(done):
    """The one was reached and the other was not, and the record says the same."""
    assert "GOOD GET /yes HTTP/1.1 host=allowed.test" in done["out"], done
    assert "FAILED" in done["out"], done
    assert "INNERCANARY" not in done["out"]
    assert "inner: denied: evil.test" in done["err"]
    assert "`inner run --allow-host evil.test`" in done["err"]


CLIENTS = {
    "curl": ["sh", "-c", f"curl -sS {HERE}; curl -sS {ELSEWHERE} || echo FAILED"],
    "wget": ["sh", "-c", f'wget -q -O - --ca-certificate="$CA" {HERE}; wget -q -O - --ca-certificate="$CA" {ELSEWHERE} || echo FAILED'],
    "node": ["node", "-e", NODE, HERE, ELSEWHERE],
    "python-urllib": ["/usr/bin/python3", "-c", URLLIB, HERE, ELSEWHERE],
    "python-requests": ["/usr/bin/python3", "-c", REQUESTS, HERE, ELSEWHERE],
}  # fmt: skip


@pytest.mark.parametrize("client", CLIENTS)
def test_https_with_a_verified_certificate(world, kit, client):
    reached(run(world, *CLIENTS[client]))


@pytest.mark.slow
def test_a_java_program(world, kit):
    trust = ["-storetype", "PKCS12", "-storepass", "changeit", "-keystore", str(kit / "trust.p12")]
    subprocess.run(
        ["keytool", "-importcert", "-noprompt", "-alias", "ca", "-file", str(kit / "ca.pem"), *trust],
        check=True,
        capture_output=True,
    )
    options = f"-Djavax.net.ssl.trustStore={kit}/trust.p12", "-Djavax.net.ssl.trustStorePassword=changeit"
    reached(run(world, "java", *options, f"{kit}/Get.java", HERE, ELSEWHERE))


@pytest.mark.slow
def test_a_go_program(world, kit):
    reached(run(world, "sh", "-c", f'cd "${{CA%/*}}/go" && go run main.go {HERE} {ELSEWHERE}', timeout=300))


def test_openssl_s_client(world, kit):
    done = run(world, "sh", "-c", S_CLIENT)
    assert "GOOD GET /s_client" in done["out"], done
    assert "FAILED evil.test" in done["out"]


@pytest.mark.parametrize("family", ["4", "6"])
def test_either_family_is_asked_for(world, kit, family):
    """There is no IPv6 address for a name, and a program that wants one is told so at once."""
    done = run(world, "sh", "-c", f"curl -sS -{family} -m 5 {HERE} || echo FAILED")
    assert ("GOOD" if family == "4" else "FAILED") in done["out"]


# --- git ------------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def repository(world):
    """Served over https as plain files, and over ssh by git itself."""
    return served.repository(world, "clients")


def test_git_over_https(world, kit, repository):
    script = "git clone -q https://allowed.test/git/clients.git /tmp/c && cat /tmp/c/file; git ls-remote https://evil.test/git/clients.git || echo FAILED"
    done = run(world, "sh", "-c", script)
    assert done["out"] == "from the server\nFAILED\n", done
    assert "denied: evil.test" in done["err"]


@pytest.fixture(scope="module")
def sshd(world, kit):
    """OpenSSH's server in that world, for its one user, on a port that the list names."""
    for name in ("host", "client"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(kit / name)], check=True)
    (kit / "authorized").write_text((kit / "client.pub").read_text())
    (kit / "known").write_text(
        "[allowed.test]:2222,[evil.test]:2222 " + " ".join((kit / "host.pub").read_text().split()[:2]) + "\n"
    )
    options = {
        "HostKey": kit / "host", "AuthorizedKeysFile": kit / "authorized", "PidFile": "none", "StrictModes": "no", "UsePAM": "no",
        "PasswordAuthentication": "no", "KbdInteractiveAuthentication": "no",
    }  # fmt: skip
    words = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
    listen = ["-o", "ListenAddress=45.45.45.45:2222", "-o", "ListenAddress=45.45.45.66:2222"]
    process = world.program("/usr/sbin/sshd", "-D", "-e", "-f", "/dev/null", *listen, *words)
    for _ in range(2):
        assert "Server listening on 45.45.45." in process.stderr.readline()
    yield
    process.terminate()
    process.communicate()


@pytest.mark.slow
def test_git_and_ssh(world, kit, repository, sshd):
    script = f"""
mkdir -m 700 /tmp/k && cp {kit}/client /tmp/k && chmod 600 /tmp/k/client
export GIT_SSH_COMMAND="ssh -F none -i /tmp/k/client -o UserKnownHostsFile={kit}/known -o StrictHostKeyChecking=yes -o BatchMode=yes -o ConnectTimeout=10"
git clone -q ssh://world@allowed.test:2222{repository} /tmp/c && cat /tmp/c/file
cd /tmp/c && echo more >> file && git -c user.name=b -c user.email=b@allowed.test commit -qam two && git push -q && git ls-remote origin main | wc -l
$GIT_SSH_COMMAND -p 2222 world@allowed.test 'head -c 3000000 /dev/zero' | wc -c
$GIT_SSH_COMMAND -p 2222 world@evil.test true || echo FAILED
"""
    done = run(world, "sh", "-c", script)
    assert done["out"].split() == ["from", "the", "server", "1", "3000000", "FAILED"], done
    log = subprocess.run(["git", "-C", str(repository), "log", "--format=%s", "main"], capture_output=True, text=True, check=True)
    assert log.stdout.split() == ["two", "one"]


# --- package managers -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def wheel(world):
    """An index with one wheel of nothing but a module."""
    folder = world.folder / "www/simple/demo-of-inner"
    folder.mkdir(parents=True, exist_ok=True)
    name, info = "demo_of_inner-1.0-py3-none-any.whl", "demo_of_inner-1.0.dist-info"
    files = {
        "demo_of_inner.py": "print('from the wheel')\n",
        f"{info}/METADATA": "Metadata-Version: 2.1\nName: demo-of-inner\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/RECORD": "",
    }
    with zipfile.ZipFile(folder / name, "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
    (folder / "index.html").write_text(f'<!DOCTYPE html><a href="{name}">{name}</a>')


def test_pip(world, kit, wheel):
    script = (
        "/usr/bin/python3 -m pip install -q --disable-pip-version-check --no-cache-dir --target /tmp/t "
        "--index-url https://allowed.test/files/simple demo-of-inner && PYTHONPATH=/tmp/t /usr/bin/python3 -m demo_of_inner; "
        "/usr/bin/python3 -m pip download -q --retries 0 --no-cache-dir -d /tmp/d --index-url https://evil.test/files/simple demo-of-inner || echo FAILED"
    )
    done = run(world, "sh", "-c", script)
    assert done["out"] == "from the wheel\nFAILED\n", done


@pytest.fixture(scope="module")
def tarball(world):
    """A registry with one package."""
    folder = world.folder / "www/npm"
    folder.mkdir(parents=True, exist_ok=True)
    body = io.BytesIO()
    manifest = {"name": "demo-of-inner", "version": "1.0.0", "main": "index.js"}
    with tarfile.open(fileobj=body, mode="w:gz") as archive:
        for path, text in (
            ("package/package.json", json.dumps(manifest)),
            ("package/index.js", "console.log('from the tarball')\n"),
        ):
            item = tarfile.TarInfo(path)
            item.size = len(text)
            archive.addfile(item, io.BytesIO(text.encode()))
    (folder / "demo.tgz").write_bytes(body.getvalue())
    dist = {
        "tarball": "https://allowed.test/files/npm/demo.tgz",
        "shasum": hashlib.sha1(body.getvalue(), usedforsecurity=False).hexdigest(),
        "integrity": "sha512-" + b64encode(hashlib.sha512(body.getvalue()).digest()).decode(),
    }
    document = {"name": "demo-of-inner", "dist-tags": {"latest": "1.0.0"}, "versions": {"1.0.0": {**manifest, "dist": dist}}}
    (folder / "demo-of-inner").write_text(json.dumps(document))


@pytest.mark.slow
def test_npm(world, kit, tarball):
    script = (
        "mkdir /tmp/n && cd /tmp/n && npm install --no-audit --no-fund --silent --registry https://allowed.test/files/npm/ demo-of-inner && "
        "node -e \"require('demo-of-inner')\"; "
        "npm view --silent --fetch-retries 0 --registry https://evil.test/files/npm/ demo-of-inner version || echo FAILED"
    )
    done = run(world, "sh", "-c", script, timeout=300)
    assert done["out"].endswith("from the tarball\nFAILED\n"), done


# --- a proxy for those that insist ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("url", ["http://allowed.test/yes", HERE])
def test_programs_that_insist_on_a_proxy_find_one_with_the_same_rules(world, kit, url):
    script = f"export http_proxy=http://127.18.0.1:3128 https_proxy=http://127.18.0.1:3128; curl -sS {url}; curl -sS -f {url.replace('allowed', 'evil')} || echo FAILED"
    reached(run(world, "sh", "-c", script))
    assert os.environ.get("http_proxy") is None
    plain = run(world, "env")
    assert "proxy" not in plain["out"].lower()
