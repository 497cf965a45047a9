"""A credential in `inner run`: on the requests that its hosts see, and nowhere that a box, a record or a list of processes shows."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

import pytest
from program import INNER

from egress import served

pytestmark = pytest.mark.box

SECRET = "zq7-Verysecret-Key-0123456789-zq7"
PATTERN = "zq7-V[e]rysecret-Key"  # finds it, and not itself

PROFILE = """\
[sandbox]
network_mode = "allowlist"
[credentials.api]
source = "{source}"
hosts = ["allowed.test"]
"""
# In the box: use it, look for it in files, stay to be looked at.
SCRIPT = f"""\
curl -sS -o /dev/null -w '%{{http_code}}\\n' -H 'Authorization: Bearer placeholder' http://allowed.test/big/10
env; cat /proc/*/environ /proc/*/cmdline /proc/*/maps 2>/dev/null | tr '\\0' '\\n'
grep -rlE '{PATTERN}' / --exclude-dir=proc --exclude-dir=sys --exclude-dir=usr --exclude-dir=dev 2>/dev/null
echo ready >> out; echo ready >&2; sleep 30
"""


def source(kind: str, world) -> tuple[str, dict[str, str]]:
    """The source of a profile, and the environment that goes with it."""
    if kind == "env":
        return "env:API_KEY", {"API_KEY": SECRET}
    place = world.home / ".config/inner/key"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(SECRET + "\n")
    place.chmod(0o600)
    return ("file:~/.config/inner/key" if kind == "file" else f"command:cat '{place}'"), {}


def below(pid: int) -> list[int]:
    """A process and all below it."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [pid, *(one for child in children for one in below(int(child)))]


def remembers(pid: int, needle: bytes) -> bool:
    """Whether a process has it anywhere in its memory."""
    with open(f"/proc/{pid}/maps", encoding="ascii", errors="replace") as maps, open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for line in maps:
            bounds, modes = line.split()[:2]
            begin, end = (int(number, 16) for number in bounds.split("-"))
            if modes[0] != "r" or end - begin > 1 << 30 or line.rstrip().endswith(("[vvar]", "[vsyscall]")):
                continue
            try:
                memory.seek(begin)
                if needle in memory.read(end - begin):
                    return True
            except OSError:
                continue
    return False


def living(world, profile: str, env: dict[str, str]):
    """A run that has used its credential, with the processes of its box."""
    out = world.project / "out"
    out.unlink(missing_ok=True)
    process = world.program(*INNER, "run", "-p", profile, "--", "sh", "-c", SCRIPT, env=env)
    until = time.monotonic() + 60
    while not out.exists():
        assert process.poll() is None and time.monotonic() < until, process.communicate()
        time.sleep(0.05)
    [run] = json.loads(world.inner("ps", "--json")["out"])["data"]
    found = [pid for pid in below(process.pid) if pid != process.pid and pid in below(run["box"])]
    assert len(found) >= 2
    return process, found


def files_with(folder: Path, needle: bytes, *, but: str = "") -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and str(path) != but and needle in path.read_bytes()]


@pytest.mark.parametrize("kind", ["env", "file", "command"])
def test_the_secret_is_with_the_server_and_nowhere_else(world, kind):
    text, env = source(kind, world)
    world.profile("keyed", PROFILE.format(source=text))
    world.seen()
    process, pids = living(world, "keyed", env)
    try:
        assert not [pid for pid in pids if remembers(pid, SECRET.encode())]
        assert not [pid for pid in pids if SECRET.encode() in Path(f"/proc/{pid}/environ").read_bytes()]
        lines = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()]
        assert not [line for line in lines if SECRET.encode() in line]
    finally:
        process.terminate()
        out, err = process.communicate(timeout=30)
    assert out.startswith("200\n"), (out, err)
    assert SECRET not in out + err
    assert f"authorization: Bearer {SECRET}".lower() in str(world.seen()["seen"]).lower()
    assert files_with(world.home, SECRET.encode(), but=str(world.home / ".config/inner/key")) == []
    assert SECRET not in world.inner("log", "show", "--json")["out"]
    assert SECRET not in world.inner("run", "-p", "keyed", "--dry-run", "--json", "--", "true", env=env)["out"]


def test_the_same_search_finds_what_is_passed(world):
    world.profile(
        "passing", '[sandbox]\nnetwork_mode = "allowlist"\nnetwork_allow = ["allowed.test"]\n[env]\npassthrough = ["API_KEY"]\n'
    )
    process, pids = living(world, "passing", {"API_KEY": SECRET})
    try:
        assert [pid for pid in pids if remembers(pid, SECRET.encode())]
    finally:
        process.terminate()
        out, _ = process.communicate(timeout=30)
    assert SECRET in out


@pytest.mark.parametrize("how", ['passthrough = ["API_KEY"]', "inherit_all = true"])
def test_the_variable_that_it_is_read_from_does_not_pass(world, how):
    world.profile("both", PROFILE.format(source="env:API_KEY") + f"[env]\n{how}\n")
    done = world.inner("run", "-p", "both", "--", "env", env={"API_KEY": SECRET})
    assert done["status"] == 0
    assert SECRET not in done["out"]
    if "pass" in how:
        assert "`API_KEY` is not passed: the credential `api` is read from it" in done["err"]


@pytest.mark.parametrize("mount", ['"~/.config/inner" = { dest = "/config" }', '"~/project/../.config" = "ro"', "home"])
def test_a_file_that_the_box_sees_is_refused(world, mount):
    source("file", world)
    key = world.home / "keys/key" if mount == "home" else world.home / ".config/inner/key"
    if mount == "home":
        shutil.copytree(world.home / ".config/inner", key.parent, dirs_exist_ok=True, ignore=lambda *_: ["profiles"])
    text = PROFILE.format(source=f"file:{key}")
    text = text.replace("[sandbox]", '[sandbox]\nhome = "host-ro"') if mount == "home" else f"{text}[mounts]\n{mount}\n"
    world.profile("shown-key", text)
    done = world.inner("run", "-p", "shown-key", "--", "true")
    assert done["status"] == 125
    assert (
        "credential `api` is read from" in done["err"]
        or "cannot be mounted" in done["err"]
        or "hidden from every box" in done["err"]
    )


@pytest.mark.parametrize(
    ("flag", "mode", "hint"),
    [("--network", "full", "leave out `--network`"), ("--no-network", "off", "leave out `--no-network`")],
)
def test_a_network_that_nobody_watches_is_refused(world, flag, mode, hint):
    world.profile("keyed", PROFILE.format(source="env:API_KEY"))
    done = world.inner("run", "-p", "keyed", flag, "--", "true", env={"API_KEY": SECRET})
    assert done["status"] == 125
    assert "puts the credential `api` on a request" in done["err"]
    assert hint in done["err"]
    world.profile("unwatched", PROFILE.format(source="env:API_KEY").replace("allowlist", mode))
    done = world.inner("run", "-p", "unwatched", "--", "true", env={"API_KEY": SECRET})
    assert done["status"] == 125
    assert '`network_mode = "allowlist"`' in done["err"]
    assert "unwatched.toml:3" in done["err"]


def test_its_host_is_on_the_list_by_that_and_a_denial_goes_before(world):
    world.profile("implied", PROFILE.format(source="env:API_KEY"))
    look = "curl -s http://allowed.test/a; curl -s -o /dev/null -w '%{http_code}' http://allowed.test:8080/; curl -s -k https://allowed.test/b"
    done = world.inner("run", "-p", "implied", "--", "sh", "-c", look, env={"API_KEY": SECRET})
    assert f"auth=bearer {SECRET}".lower() in done["out"].lower()  # said back by a server that says all back
    assert "GET /b HTTP/1.1 host=allowed.test auth=None" in done["out"]
    world.seen()
    world.profile("denied", PROFILE.format(source="env:API_KEY").replace("[cred", 'network_deny = ["allowed.test"]\n[cred'))
    done = world.inner("run", "-p", "denied", "--", "curl", "-s", "http://allowed.test/a", env={"API_KEY": SECRET})
    assert done["out"] == ""
    assert SECRET not in str(world.seen())


def test_what_cannot_be_read_ends_the_run_before_the_command(world):
    world.profile("missing", PROFILE.format(source="env:NOT_SET_AT_ALL"))
    done = world.inner("run", "-p", "missing", "--", "sh", "-c", "echo started")
    assert (done["status"], done["out"]) == (125, "")
    assert done["err"] == "error: the credential `env:NOT_SET_AT_ALL` is not set\nhint: export the variable before `inner run`\n"


@pytest.mark.slow
def test_the_keyring_of_the_desktop(world, tmp_path):
    """A keyring of the test's own: a bus, the daemon, one secret."""
    world.profile("ringed", PROFILE.format(source="keyring:inner-test/me"))
    script = (
        "printf pw | gnome-keyring-daemon --unlock --components=secrets >/dev/null 2>&1; "
        f"printf %s '{SECRET[:10]}''{SECRET[10:]}' | secret-tool store --label=test service inner-test username me && exec \"$@\""
    )
    words = [
        "dbus-run-session",
        "--",
        "sh",
        "-c",
        script,
        "sh",
        *INNER,
        "run",
        "-p",
        "ringed",
        "--",
        "sh",
        "-c",
        SCRIPT.partition("echo ready")[0],
    ]
    runtime = tmp_path / "run"
    runtime.mkdir(mode=0o700)
    world.seen()
    process = world.program(*words, env={"XDG_RUNTIME_DIR": str(runtime), "XDG_DATA_HOME": str(tmp_path / "data")})
    out, err = process.communicate(timeout=60)
    assert out.startswith("200\n"), (out, err)
    assert SECRET not in out + err
    assert SECRET in str(world.seen()["seen"])


# --- git ------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def repository(world):
    """A repository that the world's https server serves as plain files, with one commit."""
    return served.repository(world, "work")


def test_git_over_https_goes_by_the_same_door(world, repository):
    world.profile("forge", PROFILE.format(source="env:API_KEY") + 'format = "Basic {basic:x-access-token}"\n')
    world.seen()
    script = "rm -rf /tmp/c; git clone -q https://allowed.test/git/work.git /tmp/c && cat /tmp/c/file && git -C /tmp/c remote -v; git -C /tmp/c push -q; env"
    done = world.inner("run", "-p", "forge", "--", "sh", "-c", script, env={"API_KEY": SECRET})
    assert done["out"].startswith("from the server\norigin\t"), done
    assert SECRET not in done["out"] + done["err"]
    seen = world.seen()["seen"]
    asked = [text for address, port, text in seen if port == "443"]
    from base64 import b64encode

    assert asked
    assert all(
        f"authorization: basic {b64encode(f'x-access-token:{SECRET}'.encode()).decode()}".lower() in text.lower()
        for text in asked
    )
    assert any("git-receive-pack" in text for text in asked)  # a push asks at the same place
    assert not [text for _, port, text in seen if port == "80"]


def test_git_without_a_credential_is_as_outside(world, repository):
    script = f"git -c http.sslCAInfo={world.folder}/ca.pem ls-remote https://allowed.test/git/work.git; git config --get-regexp insteadof"
    done = world.inner(
        "run", "--allow-host", "allowed.test", "-m", f"{world.folder}/ca.pem:{world.folder}/ca.pem", "--", "sh", "-c", script
    )
    assert "refs/heads/main" in done["out"], done
    assert "insteadof" not in done["out"].lower()
