"""A machine on disk: a home, a project, a system folder, and the functions that tests use to write and resolve profiles."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from inner.config.trust import Trust
from inner.host import RealHost
from inner.profile.model import Profile
from inner.profile.resolve import Entry, available, resolve
from inner.request import Request
from inner.settings import Settings, load

FIXTURES = Path(__file__).parents[2] / "fixtures" / "profiles"


class Machine:
    """Folders below one temporary folder, and the configuration in them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.home, self.system, self.project = root / "home", root / "etc", root / "src" / "project"
        for folder in (self.home, self.system, self.project):
            folder.mkdir(parents=True)
        (self.project / ".git").mkdir()
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


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    os.umask(0o022)
    root = tmp_path / "machine"
    root.mkdir(mode=0o755)
    return Machine(root.resolve())
