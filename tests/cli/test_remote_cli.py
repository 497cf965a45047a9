"""Profiles from the network, as they are typed: `inner run -p URL` and `inner profile install`. A server on loopback, or its TLS twin."""

from __future__ import annotations

from hashlib import sha256

import pytest
from configured import REPOSITORY, Machine, Server, file

TLS = REPOSITORY / "tests/fixtures/tls"
TEXT = """\
schema_version = "1"
extends = "node-22"
[sandbox]
allow = ["npmrc"]
mask = [".env"]
network_allow = ["evil.test"]
"""
DIGEST = sha256(TEXT.encode()).hexdigest()
NETWORK = """\
  sandbox.network_mode = allowlist
      built-in node-22.toml:N
  sandbox.network_allow = @npm
      built-in node-22.toml:N
  env.set.npm_config_update_notifier = false
      built-in node-22.toml:N
  env.set.npm_config_fund = false
      built-in node-22.toml:N
  entrypoint.history = npm ci, npm test, npm run build
      built-in node-22.toml:N
"""
LINES = """\
   1  schema_version = "1"
   2  extends = "node-22"
   3  [sandbox]
   4  allow = ["npmrc"]
   5  mask = [".env"]
   6  network_allow = ["evil.test"]

"""
DRY = ("--dry-run", "--no-network", "--", "true")


def narrowed(url: str) -> str:
    return (
        f"{url}  sha256 {DIGEST}\n{LINES}"
        f"it builds on a profile that grants, over the built-in `shell`:\n{NETWORK}"
        f"not taken, for it is not trusted: sandbox.allow[npmrc]  ({url}:4)\n"
        f"not taken, for it is not trusted: sandbox.network_allow[evil.test]  ({url}:6)\n"
    )


def whole(url: str) -> str:
    own = f"  sandbox.network_allow = evil.test\n      {url}:6\n"
    at = NETWORK.index("  env.set.npm_config_update")
    return (
        f"{url}  sha256 {DIGEST}\n{LINES}it grants, over the built-in `shell`:\n"
        f"{NETWORK[:at]}{own}{NETWORK[at:]}  sandbox.allow = npmrc\n      {url}:4\n"
    )


def test_an_address_is_not_fetched_unless_that_was_allowed(machine: Machine) -> None:
    with Server(file(TEXT.encode())) as server:
        done = machine.inner("run", "-p", f"{server.url}/p.toml", *DRY)
        assert server.asked == []
    assert (done.status, done.out) == (125, "")
    assert done.err == (
        f"error: `{server.url}/p.toml` is a profile on the network, and those are only used after you have read them\n"
        "hint: `inner profile install URL` shows it, asks, and makes it yours; `inner run --allow-remote -p URL` takes it for one run\n"
    )


def test_without_a_terminal_it_is_shown_and_refused(machine: Machine) -> None:
    for flags in (("--allow-remote",), ("--allow-remote", "--yes"), ("--allow-remote", "-y")):
        with Server(file(TEXT.encode())) as server:
            done = machine.inner("run", "-p", f"{server.url}/p.toml", *flags, *DRY, stdin="y\n")
        url = f"{server.url}/p.toml"
        assert done.err == narrowed(url) + (
            f"error: whether to use a downloaded profile can only be asked at a terminal\n  --> {url}\n"
            "hint: read it, then name its digest: `--sha256 HEX`\n"
        )
        assert (done.status, done.out) == (125, "")


def test_trust_remote_shows_what_it_grants_and_asks_all_the_same(machine: Machine) -> None:
    with Server(file(TEXT.encode())) as server:
        done = machine.inner("run", "-p", f"{server.url}/p.toml", "--trust-remote", "--yes", *DRY)
    assert done.err.startswith(whole(f"{server.url}/p.toml") + "error: whether to use a downloaded profile")
    assert done.status == 125


@pytest.mark.parametrize(("answer", "status"), [("y\n", 0), ("n\n", 125), ("\n", 125)])
def test_at_a_terminal_the_answer_decides(machine: Machine, answer: str, status: int) -> None:
    with Server(file(TEXT.encode())) as server:
        done = machine.asked("run", "-p", f"{server.url}/p.toml", "--allow-remote", "--yes", *DRY, answer=answer)
    assert done.out.startswith(narrowed(f"{server.url}/p.toml") + "Use this profile, narrowed, for this run? [y/N] ")
    assert done.status == status
    assert ("profile      p" in done.out) == (status == 0)


def test_the_digest_is_the_answer_and_the_profile_is_narrowed(machine: Machine) -> None:
    machine.put(machine.home / ".npmrc", "//registry.test/:_authToken=x\n")
    with Server(file(TEXT.encode())) as server:
        line = ("run", "-p", f"{server.url}/p.toml", "--sha256", DIGEST.upper())
        narrow = machine.inner(*line, "--allow-remote", *DRY)
        trusted = machine.inner(*line, "--trust-remote", *DRY)
    assert narrow.err == f"inner: profile {server.url}/p.toml, sha256 {DIGEST}\n"
    assert trusted.err == narrow.err
    assert (narrow.status, trusted.status) == (0, 0)
    assert "~/.npmrc" in trusted.out.replace("HOME", "~")
    assert "HOME/.npmrc  " not in narrow.out.replace("~", "HOME")
    assert "`sandbox.allow[npmrc]` is not taken" in narrow.out


def test_another_digest_is_refused_and_the_digest_found_is_told(machine: Machine) -> None:
    with Server(file(TEXT.encode())) as server:
        done = machine.inner("run", "-p", f"{server.url}/p.toml", "--allow-remote", "--sha256", "0" * 64, *DRY)
    assert done.status == 125
    assert done.err == f"error: the file is not the one that was asked for: its sha256 is {DIGEST}\n  --> {server.url}/p.toml\n"


@pytest.mark.parametrize("digest", ["x", "0" * 63, "0" * 65, "g" * 64])
def test_what_is_no_digest_is_refused_before_anything_is_fetched(machine: Machine, digest: str) -> None:
    with Server(file(TEXT.encode())) as server:
        done = machine.inner("run", "-p", f"{server.url}/p.toml", "--allow-remote", "--sha256", digest, *DRY)
        assert server.asked == []
    assert done.err == "error: this is not a SHA-256\nhint: 64 hexadecimal digits, as `sha256sum FILE` prints them\n"


def test_a_digest_belongs_to_a_download(machine: Machine) -> None:
    done = machine.inner("run", "-p", "shell", "--sha256", DIGEST, *DRY)
    assert (done.status, done.err) == (
        125,
        "error: a digest belongs to a profile that is downloaded\nhint: leave out `--sha256`\n",
    )


def test_nothing_is_kept_of_a_run_with_a_download(machine: Machine) -> None:
    answers = [TEXT.encode(), TEXT.replace("npmrc", "netrc").encode()]
    with Server(lambda handler: file(answers.pop(0))(handler)) as server:
        line = ("run", "-p", f"{server.url}/p.toml", "--allow-remote", "--sha256", DIGEST, *DRY)
        assert machine.inner(*line).status == 0
        assert machine.inner(*line).status == 125, "the second one has other bytes"
        assert len(server.asked) == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            'extends = "claude-containers"',
            "a downloaded profile may not build on `claude-containers`, which grants more than the others",
        ),
        ('extends = "mine"', "a downloaded profile extends a built-in one, and `mine` is none"),
        ('extends = "/etc/p.toml"', "a downloaded profile may extend a built-in one, not a file of this machine"),
        ('extends = "./p.toml"', "a downloaded profile may extend a built-in one, not a file of this machine"),
        ('[entrypoint]\ncmd = "/bin/sh"', "profile `p`, which is not trusted, would start another command"),
        ("sandbocks = 1", "unknown key `sandbocks`"),
    ],
)
def test_what_a_download_may_not_do(machine: Machine, text: str, message: str) -> None:
    machine.write("user", "mine", "[sandbox]\nclipboard = true\n")
    body = f'schema_version = "1"\n{text}\n'.encode()
    with Server(file(body)) as server:
        done = machine.inner("run", "-p", f"{server.url}/p.toml", "--allow-remote", "--sha256", sha256(body).hexdigest(), *DRY)
    assert f"error: {message}\n" in done.err
    assert f"  --> {server.url}/p.toml:2\n" in done.err.replace(":3\n", ":2\n")
    assert done.status == 125


def test_a_profile_never_fetches_another_one(machine: Machine) -> None:
    with Server(file(TEXT.encode())) as server:
        machine.write("user", "mine", f'extends = "{server.url}/p.toml"\n')
        done = machine.inner("run", "-p", "mine", "--allow-remote", *DRY)
        assert server.asked == []
    assert done.err == (
        f"error: `{server.url}/p.toml` is a profile on the network, and those are only used after you have read them\n"
        '  --> HOME/.config/inner/profiles/mine.toml:2\nhint: download it, read it, and name the file: `extends = "./NAME.toml"`\n'
    )


def test_a_download_over_tls_and_with_a_certificate_of_nobody(machine: Machine) -> None:
    with Server(file(TEXT.encode()), TLS / "loopback.pem") as server:
        line = ("run", "-p", f"{server.url}/p.toml", "--allow-remote", "--sha256", DIGEST, *DRY)
        assert machine.inner(*line, SSL_CERT_FILE=str(TLS / "authority.pem")).status == 0
        done = machine.inner(*line)
    assert done.err.startswith("error: the server's certificate is not good: ")
    assert done.status == 125


def test_no_byte_of_a_download_or_its_address_steers_the_terminal(machine: Machine) -> None:
    body = b'schema_version = "1"\nname = "\\u001b[2J"\n[env.set]\nA = "\\u001b]52;c;eA==\\u0007"\n# \xe2\x80\xae\n'
    with Server(file(body)) as server:
        for url in (f"{server.url}/p.toml", f"{server.url}/\x1b[31m.toml"):
            done = machine.inner("run", "-p", url, "--trust-remote", *DRY)
            assert done.err.replace("\n", "").isprintable()


# --- install --------------------------------------------------------------------------------------------------------------


def installed(machine: Machine, name: str) -> str | None:
    path = machine.home / ".config/inner/profiles" / f"{name}.toml"
    return path.read_text() if path.exists() else None


def test_installing_needs_a_person_who_says_yes(machine: Machine) -> None:
    with Server(file(TEXT.encode())) as server:
        url = f"{server.url}/team/my-node.toml?raw=1"
        for flags in ((), ("--yes",), ("--yes", "--force")):
            done = machine.inner("profile", "install", url, *flags, stdin="y\n")
            assert done.err == whole(url) + (
                f"error: whether to use a downloaded profile can only be asked at a terminal\n  --> {url}\n"
                "hint: read it, then name its digest: `--sha256 HEX`\n"
            )
            assert (done.status, installed(machine, "my-node")) == (1, None)
        done = machine.asked("profile", "install", url, "--yes", answer="n\n")
        assert (done.status, installed(machine, "my-node")) == (1, None)
        done = machine.asked("profile", "install", url, answer="y\n")
    assert done.status == 0
    assert done.out == whole(url) + (
        "Install this as your own profile `my-node`? [y/N] y\n"
        "inner: installed: `~/.config/inner/profiles/my-node.toml`; use it with `inner run -p my-node`\n"
    ).replace("~", "HOME" if "HOME/" in done.out else "~")
    assert installed(machine, "my-node") == TEXT
    assert machine.resolve("my-node").sandbox.allow == ("npmrc",)


def test_installing_by_digest_asks_nothing(machine: Machine) -> None:
    with Server(file(TEXT.encode())) as server:
        assert machine.inner("profile", "install", f"{server.url}/n.toml", "--sha256", "0" * 64).status == 3
        assert installed(machine, "n") is None
        assert machine.inner("profile", "install", f"{server.url}/n.toml", "--sha256", DIGEST).status == 0
    assert installed(machine, "n") == TEXT


def test_a_file_is_installed_with_yes(machine: Machine) -> None:
    machine.put(machine.project / "theirs.toml", TEXT)
    assert machine.inner("profile", "install", "theirs.toml").status == 1
    assert installed(machine, "theirs") is None
    assert machine.inner("profile", "install", "theirs.toml", "--yes", "--name", "ours").status == 0
    assert (installed(machine, "ours"), installed(machine, "theirs")) == (TEXT, None)


def test_what_is_there_is_replaced_only_by_force(machine: Machine) -> None:
    mine = machine.write("user", "n", "")
    machine.put(machine.project / "n.toml", TEXT)
    done = machine.inner("profile", "install", "n.toml", "--yes")
    assert (done.status, done.err) == (
        1, "error: you have a profile `n`\n  --> HOME/.config/inner/profiles/n.toml\nhint: `--name OTHER`, or `--force` to replace it\n",
    )  # fmt: skip
    assert mine.read_text() == 'schema_version = "1"\n'
    assert machine.inner("profile", "install", "n.toml", "--yes", "--force").status == 0
    assert mine.read_text() == TEXT


def test_a_built_in_profile_is_hidden_only_by_force(machine: Machine) -> None:
    machine.put(machine.project / "x.toml", TEXT)
    done = machine.inner("profile", "install", "x.toml", "--yes", "--name", "shell")
    assert (done.status, done.err) == (
        1, "error: it would hide the built-in profile `shell`, also from profiles that extend it\nhint: `--name OTHER`, or `--force` to hide it\n",
    )  # fmt: skip
    assert machine.inner("profile", "install", "x.toml", "--yes", "--name", "shell", "--force").status == 0


@pytest.mark.parametrize("name", ["../evil", "Up", ".hidden", "a/b", "-x", "a b", "a" * 65])
def test_a_name_is_a_name(machine: Machine, name: str) -> None:
    machine.put(machine.project / "x.toml", TEXT)
    done = machine.inner("profile", "install", "x.toml", "--yes", f"--name={name}")
    assert (done.status, done.err.split("\n")[0]) == (2, f"error: `{name}` is no name for a profile")
    assert not (machine.home / ".config/inner").exists() or not [*(machine.home / ".config/inner").rglob("*.toml")]


def test_an_address_without_a_name_needs_one(machine: Machine) -> None:
    with Server(file(TEXT.encode())) as server:
        done = machine.inner("profile", "install", f"{server.url}/", "--sha256", DIGEST)
    assert (done.status, done.err) == (
        2,
        f"error: this address says no name for the profile\n  --> {server.url}/\nhint: add `--name NAME`\n",
    )


def test_a_page_is_no_profile(machine: Machine) -> None:
    with Server(file(b"<!doctype html><html>")) as server:
        done = machine.inner("profile", "install", f"{server.url}/p.toml")
    assert (done.status, done.err) == (
        3, f"error: this is a web page, not a profile\n  --> {server.url}/p.toml\nhint: use the address of the raw file\n",
    )  # fmt: skip


def test_a_linked_profile_of_the_user_is_replaced_where_it_is(machine: Machine) -> None:
    target = machine.put(machine.home / "dotfiles/n.toml", 'schema_version = "1"\n')
    link = machine.home / ".config/inner/profiles/n.toml"
    link.parent.mkdir(parents=True)
    link.symlink_to(target)
    machine.put(machine.project / "n.toml", TEXT)
    assert machine.inner("profile", "install", "n.toml", "--yes", "--force").status == 0
    assert link.is_symlink()
    assert target.read_text() == TEXT
    assert sorted(path.name for path in target.parent.iterdir()) == ["n.toml"]
