"""Git outside of the box, on folders that the project or the box has filled: found on a trusted path, with an environment and a
configuration of our own, without hooks, file system monitor, helpers and network.
"""

from __future__ import annotations

import os

from inner.errors import RunError
from inner.frozen import TYPE_CHECKING
from inner.host import RealHost
from inner.tools import Tools

if TYPE_CHECKING:
    from collections.abc import Mapping

PATIENCE = 600.0  # seconds; a large history is copied at the speed of the disk
# Nothing of this can be said by a repository's own configuration any more: the command line wins (git-config(1)).
SETTINGS = (
    "core.hooksPath=/dev/null", "core.fsmonitor=false", "core.pager=cat", "core.editor=false", "core.askPass=", "core.sshCommand=false",
    "core.alternateRefsCommand=true", "core.untrackedCache=false", "credential.helper=", "gc.auto=0", "maintenance.auto=false",
    "fetch.recurseSubmodules=false", "submodule.recurse=false", "transfer.fsckObjects=true", "fetch.writeCommitGraph=false",
    "protocol.file.allow=always", "advice.detachedHead=false", "safe.directory=*", "core.logAllRefUpdates=true", "log.showSignature=false",
    "gpg.program=false", "uploadpack.packObjectsHook=",
)  # fmt: skip


class Git:
    """Commands with one `--git-dir`."""

    def __init__(self, gitdir: str) -> None:
        self.gitdir = gitdir
        host = RealHost({"PATH": "", "HOME": "/"})
        self.program = Tools(host).find("git")
        if not self.program:
            raise RunError("git is not installed outside of the box", hint="install git")
        self.env = {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "HOME": "/nonexistent",
            "LC_ALL": "C",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "GIT_ATTR_NOSYSTEM": "1",
            "GIT_ALLOW_PROTOCOL": "none",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_OPTIONAL_LOCKS": "0",
            "GIT_NO_REPLACE_OBJECTS": "1",
            "GIT_NO_LAZY_FETCH": "1",
            "GIT_COMMITTER_NAME": "inner",
            "GIT_COMMITTER_EMAIL": "inner@localhost",
            "GIT_AUTHOR_NAME": "inner",
            "GIT_AUTHOR_EMAIL": "inner@localhost",
        }

    def run(self, *words: str, stdin: bytes = b"", more: Mapping[str, str] | None = None) -> tuple[int, bytes, str]:
        """Exit status, output, and what it said on standard error."""
        import subprocess

        settings = [word for setting in SETTINGS for word in ("-c", setting)]
        line = [self.program, *settings, f"--git-dir={self.gitdir}", *words]
        try:
            done = subprocess.run(
                line,
                input=stdin,
                capture_output=True,
                env={**self.env, **(more or {})},
                cwd="/",
                timeout=PATIENCE,
                check=False,
                process_group=0,  # Ctrl-C is not for it: half of the commits are none
            )
        except (OSError, subprocess.SubprocessError) as problem:
            return -1, b"", str(problem)
        return done.returncode, done.stdout, done.stderr.decode("utf-8", "replace").strip()

    def must(self, *words: str, stdin: bytes = b"", more: Mapping[str, str] | None = None) -> bytes:
        """Output of a command that has to end well; RunError else."""
        status, out, said = self.run(*words, stdin=stdin, more=more)
        if status != 0:
            raise RunError(f"`git {words[0]}` failed: {said.splitlines()[-1] if said else f'status {status}'}", where=self.gitdir)
        return out


def own_config(folder: str, hash_name: str, *, objects: str = "", shared: str = "") -> str:
    """Fills an empty folder with a bare repository that has only our configuration; `objects` are borrowed; `shared` is
    its `core.sharedRepository`. Returns the folder."""
    for name in ("objects", "objects/info", "objects/pack", "refs", "refs/heads", "refs/tags"):
        os.mkdir(f"{folder}/{name}", 0o700)
    version = "repositoryformatversion = 1" if hash_name == "sha256" else "repositoryformatversion = 0"
    group = f"\tsharedrepository = {shared}\n" if shared.isalnum() else ""
    extension = "[extensions]\n\tobjectformat = sha256\n" if hash_name == "sha256" else ""
    texts = {"HEAD": "ref: refs/heads/none\n", "config": f"[core]\n\t{version}\n\tbare = true\n{group}{extension}"}
    if objects:
        texts["objects/info/alternates"] = objects + "\n"
    for name, text in texts.items():
        with open(f"{folder}/{name}", "w", encoding="utf-8", errors="surrogateescape") as file:
            file.write(text)
    return folder
