"""Where attempts are made: a home full of secrets, a project in it, a process with sockets, all thrown away afterwards.

`Stage.box` makes an attempt under `inner run`, `Stage.open` where nothing stops it. A script finds in its environment: H (the home), P (the
project), M (a folder of the host's that shows what ran there), R (the folder with sockets), what `victim` tells, FD (a folder
that was left open), LONG (seconds after which a run is held up), and in the open the secrets as well.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import select
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from attempt import PY, SH, Attempt
from outer import ASKS, TOLD
from program import INNER, ROOT

HERE = Path(__file__).parent
BWRAP = "/usr/bin/bwrap"
QUESTION = re.compile(
    rb"\x1b\[(?:5n|6n|c|x|21t|>q|\?4m|\?2S|[0-9;]*\*y|1\$w|#R)|\x1b\]4;[^\x07]*\?[^\x07]*\x07|\x05"
)  # what xterm answers
AWAY = 0.15  # seconds
TOKEN = secrets.token_hex(12)
CACHE = ".cache/inner"
PROFILE = 'schema_version = "1"\nname = "tried"\nextends = "shell"\n'
SECRET = {
    "AWS_SECRET_ACCESS_KEY": TOKEN, "GITHUB_TOKEN": TOKEN, "ANTHROPIC_API_KEY": TOKEN, "DATABASE_URL": f"postgres://u:{TOKEN}@h.test/d",
    "MY_INNOCENT_NAME": TOKEN, "LD_LIBRARY_PATH": f"/nowhere/{TOKEN}", "BASH_FUNC_escape%%": f"() {{ echo {TOKEN}; }}",
    "NODE_OPTIONS": f"--title={TOKEN}", "PERL5OPT": f"-Mlib=/nowhere/{TOKEN}", "PROMPT_COMMAND": f"echo {TOKEN}", "GIT_SSH_COMMAND": f"echo {TOKEN}",
    "GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "alias.told", "GIT_CONFIG_VALUE_0": f"!echo {TOKEN}", "LESSOPEN": f"|echo {TOKEN} %s", "PYTHONPATH": f"/nowhere/{TOKEN}",
    "SSH_AUTH_SOCK": f"/nowhere/{TOKEN}", "DBUS_SESSION_BUS_ADDRESS": f"unix:path=/nowhere/{TOKEN}", "DISPLAY": f":{TOKEN}", "http_proxy": f"http://u:{TOKEN}@proxy.test:1",
    **dict.fromkeys(("MAKEFLAGS", "GOFLAGS", "RUSTFLAGS", "JAVA_TOOL_OPTIONS", "RUBYOPT", "NODE_PATH", "GCONV_PATH", "PYTEST_ADDOPTS"), f"-D{TOKEN}"),
    **dict.fromkeys(("CARGO_REGISTRY_TOKEN", "npm_config__auth", "PIP_INDEX_URL", "UV_INDEX", "TWINE_PASSWORD", "NPM_TOKEN", "HISTFILE"), TOKEN),
    **dict.fromkeys(("LC_SECRET", "TERMINFO", "SSH_CONNECTION", "SUDO_COMMAND", "KRB5CCNAME", "WSL_INTEROP", "TMUX"), f"/nowhere/{TOKEN}"),
    "BASH_ENV": f"/nowhere/{TOKEN}", "ENV": f"/nowhere/{TOKEN}", "GIT_ASKPASS": f"/nowhere/{TOKEN}", "SUDO_ASKPASS": f"/nowhere/{TOKEN}", "KUBECONFIG": f"/nowhere/{TOKEN}",
}  # fmt: skip
GIT = {
    "GIT_CONFIG_COUNT": "3", "GIT_CONFIG_KEY_0": "user.name", "GIT_CONFIG_VALUE_0": "T", "GIT_CONFIG_KEY_1": "user.email", "GIT_CONFIG_VALUE_1": "t@example.test",
    "GIT_CONFIG_KEY_2": "protocol.file.allow", "GIT_CONFIG_VALUE_2": "always",
}  # fmt: skip

# Where an attempt is shown to be one. `{}` is the project.
OPEN = {
    "host": (),  # no box at all
    # namespaces with all that can be had in them, and nothing hidden: for what needs a capability
    "box": (BWRAP, "--dev-bind", "/", "/", "--unshare-user", "--unshare-uts", "--uid", "0", "--gid", "0", "--cap-add", "ALL", "--"),
    # and a network of its own, to be changed
    "network": (BWRAP, "--dev-bind", "/", "/", "--unshare-user", "--unshare-net", "--uid", "0", "--gid", "0", "--cap-add", "ALL", "--"),
    # the flags that everybody writes, and nothing done around them
    "flags": (
        BWRAP, "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--unshare-all", "--die-with-parent", "--clearenv", "--setenv", "PATH", "/usr/bin:/bin",
        "--bind", "{}", "{}", "--chdir", "{}", "--",
    ),
}  # fmt: skip


OURS = 'd=$1; shift; exec "$TOOL" run --no-interactive -m "$PWD/$d:/data" -- "$@"'
HASTY = 'd=$1; shift; [ -L "$d" ] && exit; sleep 0.03; exec bwrap --dev-bind / / --bind "$d" "$PWD/src" "$@"'


class Result(NamedTuple):
    got: bool
    begun: bool
    text: str
    status: int


class Stage:
    """One attempt's: made from a template, thrown away."""

    def __init__(self, place: Path, template: Path, victim: dict[str, Any], sockets: Path, kept: Path | None = None) -> None:
        self.place, self.home, self.group = place, place / "home", 0
        shutil.copytree(template, self.home, symlinks=True)
        if kept is not None:
            shutil.copytree(kept, self.home / CACHE)
        self.project, self.marks, self.sockets = self.home / "work/proj", place / "marks", sockets
        self.marks.mkdir()
        for scratch in ("/tmp", "/var/tmp", "/dev/shm"):  # a secret in each; the folder is ours
            (Path(scratch) / f"inner-escape-{TOKEN[:8]}").write_text(TOKEN)
        names = ("user", "mnt", "pid", "net", "ipc", "uts", "cgroup")
        told = {
            "NAMESPACES": " ".join(os.readlink(f"/proc/self/ns/{name}") for name in names),
            "NODE": os.uname().nodename,
            "H": self.home,
            "P": self.project,
            "M": self.marks,
            "R": sockets,
            "T": f"inner-escape-{TOKEN[:8]}",
            "PY": sys.executable,
            "SUITE": HERE,
        }
        self.told = {name: str(value) for name, value in {**told, **victim}.items()}
        self.env = {
            "HOME": str(self.home), "PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "TERM": "xterm", "SHELL": "/bin/bash", "USER": "tester",
            "XDG_RUNTIME_DIR": str(sockets),
        }  # fmt: skip

    def __enter__(self) -> Stage:
        self.left_open = os.open(self.home, os.O_RDONLY)
        self.master, self.side = os.openpty()
        self.told |= {"FD": str(self.left_open), "TTY": os.ttyname(self.side)}
        return self

    def __exit__(self, *_: object) -> None:
        for fd in (self.left_open, self.master, self.side):
            os.close(fd)
        if self.group:
            with suppress(ProcessLookupError):
                os.killpg(self.group, signal.SIGKILL)
        gone = self.place.with_name(f"gone-{secrets.token_hex(4)}")  # whoever is left finds nobody else's home at this path
        self.place.rename(gone)
        subprocess.run(["chmod", "-R", "u+rwX", str(gone)], check=False, capture_output=True)
        shutil.rmtree(gone, ignore_errors=True)

    def shell(self, script: str, check: bool = True) -> str:
        """On the host, as the user, in the project."""
        done = subprocess.run(
            ["timeout", "-k", "1", "50", "bash", "-c", SH + script], cwd=self.project if self.project.is_dir() else self.home, env={**self.env, **self.told, **GIT}, capture_output=True, text=True, errors="replace", timeout=60,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
        assert not check or done.returncode == 0, f"{script}\n{done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    def prepare(self, attempt: Attempt) -> None:
        if not attempt.git:
            shutil.rmtree(self.project / ".git")
        if attempt.before:
            self.shell(attempt.before)

    def inner(self, attempt: Attempt, extra: str = "", told: bool = True) -> list[str]:
        """The words that start a box, up to the command."""
        profile = self.place / "tried.toml"
        text = PROFILE + (extra or attempt.profile)
        if not profile.exists() or profile.read_text() != text:
            profile.write_text(text)
        words = [*INNER, "run", "-p", str(profile)]
        words += [] if attempt.terminal else ["--no-interactive"]
        for name, value in self.told.items() if told else ():
            words += ["-e", f"{name}={value}"]
        return [*words, *attempt.words]

    def box(self, attempt: Attempt) -> Result:
        self.told["LONG"] = "20"  # nothing is, on any machine
        self.prepare(attempt)
        if attempt.wrapper:
            return self._wrapped(attempt, [*self.inner(attempt, told=False), "--entrypoint", "/usr/bin/env", "--"], INNER, OURS)
        program, *rest = self.command(attempt)
        return self.judge(attempt, [*self.inner(attempt), "--entrypoint", program, "--", *rest], {**self.env, **SECRET})

    def open(self, attempt: Attempt) -> Result:
        self.told["LONG"] = "3"
        self.prepare(attempt)
        if attempt.wrapper and attempt.open == "host":
            return self._wrapped(attempt, [sys.executable, str(HERE / "hasty.py")], ["/bin/true"], HASTY)
        if attempt.open == "trusted":  # the user has read it, and said yes
            self.told["TRUST"] = "$TOOL trust -y . >/dev/null 2>&1"
            return self._wrapped(attempt, [*self.inner(attempt, told=False), "--entrypoint", "/usr/bin/env", "--"], INNER, OURS)
        if attempt.open not in OPEN:  # TOML of a profile that permits it, or further options
            program, *rest = self.command(attempt)
            line = [*self.inner(attempt, attempt.open), "--entrypoint", program, "--", *rest]
            return self.judge(attempt, line, {**self.env, **SECRET})
        wrap = [word.replace("{}", str(self.project)) for word in OPEN[attempt.open]]
        command = self.command(attempt)
        if attempt.open == "flags":
            command = ["/usr/bin/env", *(f"{name}={value}" for name, value in self.told.items()), f"HOME={self.home}", *command]
        return self.judge(attempt, [*wrap, *command], {**self.env, **SECRET, **self.told})

    def command(self, attempt: Attempt) -> list[str]:
        if attempt.script.startswith("#py"):
            return ["/usr/bin/python3", "-I", "-c", PY + attempt.script]
        return ["/bin/bash", "-c", SH + attempt.script]

    def _wrapped(self, attempt: Attempt, inner: Sequence[str], tool: Sequence[str], mounted: str) -> Result:
        """The script runs on the host: INNER is a program that runs a command in a box, TOOL is `inner`, MOUNTED FOLDER COMMAND shows a folder."""
        (self.place / "bin").mkdir(exist_ok=True)
        env = {**self.env, **SECRET, "TRUST": "", **self.told}
        for name, line in (
            ("INNER", f'exec {shlex.join(inner)} "$@"'),
            ("TOOL", f'exec {shlex.join(tool)} "$@"'),
            ("MOUNTED", mounted),
        ):
            program = self.place / "bin" / name.lower()
            program.write_text(f"#!/bin/bash\n{line}\n")
            program.chmod(0o755)
            env[name] = str(program)
        return self.judge(attempt, ["/bin/bash", "-c", SH + attempt.script], env)

    def judge(self, attempt: Attempt, line: list[str], env: dict[str, str]) -> Result:
        """Runs it to its end, then what the host does afterwards; both are looked through."""
        if attempt.terminal:
            text, status = self._on_terminal(attempt, line, env)
        else:
            out = self.place / "out"  # a file: what stays behind may hold it open
            with out.open("wb") as sink, open(self.home / attempt.stdin if attempt.stdin else os.devnull, "rb") as source:
                child = subprocess.Popen(
                    line, cwd=self.project, env=env, stdin=source, stdout=sink, stderr=subprocess.STDOUT, pass_fds=(self.left_open,), start_new_session=True
                )  # fmt: skip
                self.group = child.pid
                if not _ended(child, attempt.seconds):
                    os.killpg(child.pid, signal.SIGKILL)
                child.wait()
            text, status = out.read_bytes().decode("utf-8", "replace"), child.returncode
        if attempt.after:
            text += "\n-- afterwards --\n" + self.after(attempt.after, text, status)
        return Result("GOT " in text or TOKEN in text, "BEGUN" in text, text, status)

    def after(self, script: str, text: str, status: int) -> str:
        self.told |= {"STATUS": str(status), "OUT": text[-20000:].replace("\0", " ")}
        return self.shell(script, check=False)

    def _on_terminal(self, attempt: Attempt, line: list[str], env: dict[str, str]) -> tuple[str, int]:
        """Bytes of the terminal as text, each of them one character; PENDING, CHANGED and FRONT are told to what comes after."""
        report = self.place / "report"
        child = subprocess.Popen(
            [sys.executable, "-I", str(HERE / "outer.py"), str(report), *line], stdin=self.side, stdout=self.side, stderr=self.side, cwd=self.project, env=env, start_new_session=True,
        )  # fmt: skip
        self.group = child.pid
        seen = _read(self.master, child, attempt.seconds)
        found = (
            json.loads(report.read_text()) if report.exists() else {"status": -1, "pending": "", "changed": True, "front": False}
        )
        self.told |= {
            "PENDING": ascii(found["pending"]),
            "CHANGED": str(int(found["changed"])),
            "FRONT": str(int(found["front"])),
            "BYTES": ascii(seen),
        }
        return seen, found["status"]


def _ended(child: subprocess.Popen[bytes], seconds: float) -> bool:
    """Whether it ends within so many seconds. `Popen.wait` would look only twenty times a second."""
    fd = os.pidfd_open(child.pid)
    try:
        return bool(select.select([fd], [], [], seconds)[0])
    finally:
        os.close(fd)


def _read(master: int, child: subprocess.Popen[bytes], seconds: float) -> str:
    """What a terminal is shown that is far away: its answers come AWAY seconds later, in their order."""
    out, answered, told, end = b"", 0, False, time.monotonic() + seconds
    due: list[tuple[float, bytes]] = []
    ended = os.pidfd_open(child.pid)
    while (now := time.monotonic()) < end:
        while due and due[0][0] <= now:
            os.write(master, due.pop(0)[1])
        until = due[0][0] if due else end
        ready, _, _ = select.select([master] if due else [master, ended], [], [], until - now)
        if due and not ready:
            continue
        if master not in ready and (told or not select.select([master], [], [], 0.2)[0]):
            break
        try:
            data = os.read(master, 65536)
        except OSError:
            break
        out, now = out + data, time.monotonic()
        questions = QUESTION.findall(out)
        due += [(now + AWAY, b"\x1b[0n" if one == b"\x1b[5n" else b"\x1b[1;1R") for one in questions[answered:]]
        answered = len(questions)
        if ASKS in out:  # all that was written before has been seen
            out, told = out.replace(ASKS, b""), True
            due.append((now + AWAY, TOLD))
    os.close(ended)
    child.kill()
    child.wait()
    return out.decode("latin-1")


# --- what there is once for all attempts -----------------------------------------------------------------------------------

HOLDS = (
    ".ssh/id_ed25519", ".ssh/config", ".gnupg/private-keys-v1.d/a.key", ".netrc", ".aws/credentials", ".aws/sso/cache/a.json", ".config/gcloud/credentials.db",
    ".azure/msal_token_cache.json", ".kube/config", ".docker/config.json", ".npmrc", ".yarnrc.yml", ".pypirc", ".config/pip/pip.conf", ".cargo/credentials.toml",
    ".m2/settings.xml", ".gradle/gradle.properties", ".gem/credentials", ".config/composer/auth.json", ".terraform.d/credentials.tfrc.json", ".vault-token",
    ".config/helm/registry/config.json", ".password-store/a.gpg", ".config/op/config", ".config/Bitwarden CLI/data.json", ".local/share/keyrings/login.keyring",
    ".local/share/kwalletd/kdewallet.kwl", ".bash_history", ".zsh_history", ".python_history", ".psql_history", ".lesshst", ".claude/.credentials.json", ".claude.json",
    ".codex/auth.json", ".gemini/oauth_creds.json", ".config/github-copilot/hosts.json", ".config/gh/hosts.yml", ".git-credentials", ".config/git/credentials",
    ".mozilla/firefox/a.default/logins.json", ".config/google-chrome/Default/Cookies", ".thunderbird/a/key4.db", ".config/unknown-app/token", ".local/share/unknown2/token",
    ".cache/unknown3/token", ".local/state/unknown4/token", ".Xauthority", ".ICEauthority", ".pgpass", ".my.cnf", ".config/rclone/rclone.conf", ".s3cfg", ".boto",
    ".config/hub", ".config/inner/secret", ".electrum/wallets/default", ".bitcoin/wallet.dat", "Documents/taxes", ".env", "work/other/.env", "work/other/notes",
    ".var/app/org.x/data/token", "snap/x/common/token", ".config/systemd/user/a.env", ".rustup/toolchains/token", ".nvm/alias/token", ".local/share/fish/fish_history",
)  # fmt: skip


def template(place: Path) -> Path:
    """The home, with a repository in it."""
    home = place / "home"
    for name in HOLDS:
        path = home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"secret = {TOKEN}\n")
        path.chmod(0o600)
    (home / ".gitconfig").write_text(
        f'[user]\n\tname = T\n\temail = t@example.test\n[url "https://u:{TOKEN}@git.test/"]\n\tinsteadOf = told:\n'
    )
    project = home / "work/proj"
    (project / "src").mkdir(parents=True)
    (project / "a").write_text("a\n")
    (project / "Makefile").write_text("all:\n")
    script = (
        "git init -q -b main; git add -A; git commit -qm one; git branch other; "
        "printf '#!/bin/sh\\nexit 0\\n' > .git/hooks/pre-commit; chmod +x .git/hooks/pre-commit"
    )
    subprocess.run(["bash", "-ec", script], cwd=project, env={"HOME": str(home), "PATH": "/usr/bin:/bin"}, check=True)
    return home


# One of each way in which attempts start a box, as far as what inner keeps of it goes.
USUAL = (
    Attempt("usual", "a shell", "true"),
    Attempt("usual", "Python", "#py"),
    Attempt("usual", "a shell on a terminal", "true", terminal=True),
    Attempt("usual", "Python on a terminal", "#py", terminal=True),
    Attempt("usual", "a wrapper", "$INNER true", wrapper=True),
)


def lived(place: Path, made: Stage) -> Path:
    """What inner keeps of its first starts in this home, once the files that they read are old enough."""
    cache, end = made.home / CACHE, time.monotonic() + 60
    for number, attempt in enumerate(USUAL, 1):
        while len(list(cache.glob("profiles/*"))) < number:
            assert time.monotonic() < end, made.box(attempt).text
            made.box(attempt)
    return shutil.copytree(cache, place / "kept")


def victim(folder: Path) -> tuple[subprocess.Popen[bytes], dict[str, Any]]:
    """The process; it ends when its standard output is closed... by being killed."""
    child = subprocess.Popen(
        [sys.executable, "-I", str(HERE / "victim.py"), str(folder), TOKEN], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, start_new_session=True,
        env={"VICTIMS_SECRET": TOKEN, "PATH": "/usr/bin:/bin"}, cwd=folder,
    )  # fmt: skip
    assert child.stdout is not None
    return child, json.loads(child.stdout.readline())


def sweep() -> None:
    for scratch in ("/tmp", "/var/tmp", "/dev/shm"):
        (Path(scratch) / f"inner-escape-{TOKEN[:8]}").unlink(missing_ok=True)


assert (ROOT / "inner").is_dir()
