"""A machine on disk: a home, a project, a system folder; and the command line run on it, its words compared as a whole."""

from __future__ import annotations

import os
import pty
import re
import select
import ssl
import subprocess
import sys
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import NamedTuple

from inner.config.trust import Trust
from inner.host import RealHost
from inner.profile.model import Profile
from inner.profile.resolve import Entry, available, resolve
from inner.request import Request
from inner.settings import Settings, load

REPOSITORY = Path(__file__).resolve().parents[1]
FIXTURES = REPOSITORY / "tests" / "fixtures" / "profiles"


class Machine:
    """Folders below one temporary folder, and the configuration in them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.home, self.system, self.project = root / "home", root / "etc", root / "src" / "project"
        for folder in (self.home, self.system, self.project):
            folder.mkdir(parents=True)
        for folder in ("objects", "refs/heads"):
            (self.project / ".git" / folder).mkdir(parents=True)
        (self.project / ".git/HEAD").write_text("ref: refs/heads/main\n")
        (self.project / ".git/config").write_text("[core]\n\trepositoryformatversion = 0\n\tbare = false\n")
        self.env: dict[str, str] = {"HOME": str(self.home), "TERM": "xterm"}

    def host(self) -> RealHost:
        return RealHost(self.env, cwd=str(self.project))

    def write(self, scope: str, name: str, text: str) -> Path:
        """A profile (`NAME`) or a file (`x/y.toml`) of a scope; profiles get their `schema_version`."""
        base = {"user": self.home / ".config/inner", "system": self.system, "project": self.project / ".inner"}[scope]
        path = (
            base / "profiles" / f"{name}.toml"
            if "/" not in name
            else (self.project / name if scope == "project" else base / name)
        )
        if "/" not in name:
            text = f'schema_version = "1"\n{text}'
        return self.put(path, text)

    def put(self, path: Path, text: str | bytes) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        path.chmod(0o644)
        return path

    def inner_toml(self, text: str) -> Path:
        return self.put(self.project / ".inner.toml", text)

    def trust(self, path: Path) -> None:
        Trust.of(self.host()).approve(str(path), path.read_bytes())

    def settings(self, **more: object) -> Settings:
        return load(self.host(), system=str(self.system), **more)  # type: ignore[arg-type]

    def resolve(self, profile: str = "", **flags: object) -> Profile:
        request = Request(profile=profile, **flags)  # type: ignore[arg-type]
        return resolve(request, self.settings(no_project=request.no_project), self.host())

    def entries(self, name: str = "") -> list[Entry]:
        return [entry for entry in available(self.settings(), self.host()) if name in ("", entry.name)]

    def short(self, text: str) -> str:
        """Paths below the machine's root without it."""
        return text.replace(str(self.root), "")

    # --- the command line ---

    def environ(self, **more: str) -> dict[str, str]:
        return {**self.env, "PATH": "/usr/local/bin:/usr/bin:/bin", "PYTHONPATH": str(REPOSITORY), **more}

    def inner(self, *argv: str, stdin: str = "", cwd: Path | None = None, **env: str) -> Done:
        """`inner ARGV...` without a terminal, in the project."""
        line = [sys.executable, "-m", "inner", *argv]
        done = subprocess.run(
            line, input=stdin.encode(), capture_output=True, cwd=cwd or self.project, env=self.environ(**env), timeout=60
        )
        return Done(done.returncode, self.told(done.stdout), self.told(done.stderr))

    def asked(self, *argv: str, answer: str, typed_before: str = "", **env: str) -> Done:
        """The same at a terminal: `answer` is typed once the question is there. Standard output and error are one."""
        terminal, theirs = pty.openpty()
        line = [sys.executable, "-m", "inner", *argv]
        process = subprocess.Popen(
            line, stdin=theirs, stdout=theirs, stderr=theirs, cwd=self.project, env=self.environ(**env), start_new_session=True
        )
        os.close(theirs)
        os.write(terminal, typed_before.encode())
        seen, answered, end = b"", False, time.monotonic() + 60
        while time.monotonic() < end:
            ready, _, _ = select.select([terminal], [], [], 1)
            if not ready:
                continue
            try:
                piece = os.read(terminal, 65536)
            except OSError:  # EIO: the other end is closed
                break
            seen += piece
            if not piece:
                break
            if not answered and seen.endswith(b"[y/N] "):
                time.sleep(0.1)  # it discards what was typed before it reads
                os.write(terminal, answer.encode())
                answered = True
        os.close(terminal)
        return Done(process.wait(10), self.told(seen.replace(b"\r\n", b"\n")), "")

    def told(self, output: bytes) -> str:
        """What was printed, without the folders of this machine."""
        text = output.decode()
        for long, brief in (
            (str(self.project), "PROJECT"),
            (str(self.home), "HOME"),
            (str(self.root), "ROOT"),
            (f"{REPOSITORY}/profiles", "BUILT-IN"),
        ):
            text = text.replace(long, brief)
        return re.sub(r"(built-in [a-z0-9.-]+\.toml):\d+", r"\1:N", text)  # lines of the built-in profiles move


class Done(NamedTuple):
    """What a command came to."""

    status: int
    out: str
    err: str


class Server:
    """A web server on loopback. `answer(handler)` writes the response; `asked` are the paths that were asked for."""

    def __init__(self, answer: Callable[[BaseHTTPRequestHandler], None], certificate: Path | None = None) -> None:
        self.asked: list[str] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked.append(self.path)
                try:
                    answer(self)
                except OSError:  # the client has had enough
                    self.close_connection = True

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *_: None  # type: ignore[method-assign, assignment]
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        self.port = self.server.server_address[1]
        self.url = f"{'https' if certificate else 'http'}://127.0.0.1:{self.port}"

    def __enter__(self) -> Server:
        Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()


def file(content: bytes, **headers: str) -> Callable[[BaseHTTPRequestHandler], None]:
    """A server's answer: this content, whole."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        for name, value in {"Content-Length": str(len(content)), **headers}.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(content)

    return answer
