"""Projects with git for tests, and boxes in them: ours, and an open one, where the same attack has to succeed."""

from __future__ import annotations

import os
import subprocess

from program import inner

OPEN = 'schema_version = "1"\nname = "open"\nextends = "shell"\n[sandbox]\ngit_dir = "rw"\n'
GIT_ENV = {
    "GIT_CONFIG_COUNT": "4",
    "GIT_CONFIG_KEY_0": "user.name",
    "GIT_CONFIG_VALUE_0": "Test",
    "GIT_CONFIG_KEY_1": "user.email",
    "GIT_CONFIG_VALUE_1": "t@example.test",
    "GIT_CONFIG_KEY_2": "init.defaultBranch",
    "GIT_CONFIG_VALUE_2": "main",
    "GIT_CONFIG_KEY_3": "protocol.file.allow",
    "GIT_CONFIG_VALUE_3": "always",
}


class Machine:
    """A home of its own, in which projects are made and boxes started."""

    def __init__(self, home):
        self.home = home
        self.marks = home / "marks"
        self.marks.mkdir(parents=True)
        self.env = {"HOME": str(home), "PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "M": str(self.marks)}
        (home / ".gitconfig").write_text("[user]\n\tname = Test\n\temail = t@example.test\n")

    def sh(self, script, cwd, check=True):
        """A script outside of every box, as the user. Returns its output."""
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=cwd,
            env={**self.env, **GIT_ENV},
            capture_output=True,
            text=True,
            timeout=120,
            stdin=subprocess.DEVNULL,
        )
        assert not check or done.returncode == 0, f"{script}\n{done.stdout}{done.stderr}"
        return done.stdout

    def project(self, name="proj", script="", git=True):
        """A project with two branches, settings of an editor and a hook."""
        path = self.home / name
        path.mkdir()
        self.sh("echo a > a; mkdir src .vscode; echo b > src/b; echo '{}' > .vscode/tasks.json", path)
        if git:
            self.sh(
                "git init -q; git add -A; git commit -qm one; git branch other; printf '#!/bin/sh\\nexit 0\\n' > .git/hooks/pre-commit; chmod +x .git/hooks/pre-commit",
                path,
            )
        self.sh(script, path)
        return path

    def box(self, script, cwd, *words, profile="", status=0):
        """A script in a box. `profile`: TOML text of another one than the default."""
        if profile:
            file = self.home / "profile.toml"
            file.write_text(profile)
            words = ("-p", str(file), *words)
        done = inner("run", "--no-interactive", *words, "--entrypoint", "/bin/bash", "--", "-c", script, cwd=cwd, env=self.env)
        assert status is None or done.returncode == status, f"{script}\nstatus {done.returncode}\n{done.stdout}{done.stderr}"
        return done

    def open_box(self, script, cwd):
        """The same script where nothing is protected: a box that shows the host as it is, writable."""
        line = [
            "/usr/bin/bwrap",
            "--unshare-pid",
            "--unshare-net",
            "--dev-bind",
            "/",
            "/",
            "--die-with-parent",
            "--",
            "bash",
            "-c",
            script,
        ]
        return subprocess.run(
            line, cwd=cwd, env={**self.env, **GIT_ENV}, capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL
        )

    def git(self, *words, cwd, check=True):
        done = subprocess.run(["git", *words], cwd=cwd, env={**self.env, **GIT_ENV}, capture_output=True, text=True, timeout=60)
        assert not check or done.returncode == 0, f"git {words}\n{done.stdout}{done.stderr}"
        return done.stdout.strip()

    def touched(self):
        """What ran outside."""
        return sorted(os.listdir(self.marks))


def sound(machine, project):
    """The repository is whole, and its folder has nothing of ours in it."""
    machine.git("fsck", "--strict", cwd=project)
    assert not list((project / ".git").glob("*.lock"))
    assert not list((machine.home / ".local/state/inner/runs").glob("*/git-*"))
