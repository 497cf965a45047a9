"""What a box is made of, for recorded machines, built-in profiles and requests: one operation per line, in `plans/`.

`pytest tests/golden/test_plans.py --update-golden` writes the files anew: read the difference before you keep it.
"""

from __future__ import annotations

import os
from pathlib import Path

import machines
import pytest

from inner.errors import InnerError
from inner.facts import Facts
from inner.frozen import fields, replace
from inner.host import RealHost
from inner.plan.build import build
from inner.plan.model import Data
from inner.profile.resolve import resolve
from inner.request import Request
from inner.settings import load

CASES: dict[str, tuple[str, Request]] = {
    **{f"{name}-shell": (name, Request()) for name in machines.MACHINES},
    **{f"{name}-claude-one-shot": (name, Request(profile="claude-one-shot", arg=("do it",))) for name in ("ubuntu_24_04", "arch")},
    "ubuntu_24_04-claude-containers": ("ubuntu_24_04", Request(profile="claude-containers")),
    **{f"{name}-python": (name, Request(profile="python", words=("ls",))) for name in ("debian_12", "nixos")},
    "debian_12-review": ("debian_12", Request(review=True, mount=("/srv/shared:/srv/shared:overlay",), words=("ls",))),
    "debian_12-command": ("debian_12", Request(words=("git", "--version", "--", "a b"), arg=("first",), timeout=5.0)),
    "debian_12-flags": (
        "debian_12",
        Request(
            mount=("~/data:/data", "/srv/shared:/srv/shared:rw", ":/scratch:tmpfs"), env=("LOG=1", "HOME=/evil"), allow=("npmrc", "docker-socket"),
            block=("git", "ls"), network=True, workdir="/home/user/project", words=("env",),
        ),
    ),
    "debian_12-home-is-the-project": ("debian_12", Request(workdir="/home/user")),
    "debian_12-no-such-command": ("debian_12", Request(words=("nonesuch",))),
    "container-ls": ("container", Request(words=("ls",), interactive=False)),
}  # fmt: skip


def text(name: str, tmp: Path) -> str:
    machine, request = CASES[name]
    host = machines.MACHINES[machine]()
    if name in ("debian_12-flags", "debian_12-review"):
        host = _with(host, {"/home/user/data": "dir", "/srv/shared": "dir"})
    return show(host, request, tmp)


def _with(host: Facts, more: dict[str, str]) -> Facts:
    for path, what in more.items():
        host._add(path, what)
    return host


def show(host: Facts, request: Request, tmp: Path) -> str:
    """The plan, or the error that there is instead."""
    here = RealHost({"HOME": str(tmp)}, cwd=str(tmp))
    try:
        profile = resolve(request, load(here, system=str(tmp / "none")), here)
        plan = build(profile, replace(request, profile=""), host, terminal=True, run_dir="/run/user/1000/inner/runs/1")
    except InnerError as problem:
        where = os.path.basename(problem.where)
        return (
            "\n".join(
                filter(
                    None,
                    (
                        f"error: {problem.message}",
                        f"where: {where}" if where else "",
                        f"hint: {problem.hint}" if problem.hint else "",
                    ),
                )
            )
            + "\n"
        )
    own = ("mounts", "env", "notices", "layers", "profile", "guard")  # shown below, or as the layers
    defaults = vars(type(plan))
    lines = [
        f"{name:<12} {_plain(getattr(plan, name))}"
        for name in fields(plan)
        if name not in own and (name not in defaults or getattr(plan, name) != defaults[name])
    ]
    lines += [f"layer        {_origin(layer)}" for layer in plan.layers]
    lines += [f"shadow       {_plain(shadow)}" for shadow in plan.guard.shadows]
    lines += [f"placeholder  {point.path} {point.kind}" for point in plan.guard.placeholders]
    lines += ["", *(_mount(mount) for mount in plan.mounts), ""]
    lines += [f"{v.name}={'(as outside)' if v.value is None else ascii(v.value)[1:-1]}{_from(v.origin)}" for v in plan.env]
    lines += [f"note: {notice}" for notice in plan.notices]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _plain(value: object) -> str:
    if hasattr(type(value), "__match_args__") and not isinstance(value, tuple):
        return " ".join(f"{name}={_plain(getattr(value, name))}" for name in fields(value))
    return " ".join(ascii(item) for item in value) if isinstance(value, tuple) else str(value)


def _origin(origin: object) -> str:
    place = os.path.basename(origin.file)
    return f"{origin.source} {place}{f':{origin.line}' if origin.line else ''}".rstrip()


def _from(origin: object) -> str:
    return "" if origin.source == "inner" else f"  # {_origin(origin)}"


def _mount(mount: object) -> str:
    words = [type(mount).__name__.lower(), mount.dest]
    for name in fields(mount):
        value = getattr(mount, name)
        if name in ("dest", "why", "origin") or value in ("", False):
            continue
        if isinstance(mount, Data) and name == "content":
            words.append(f"content={ascii(value) if len(value) <= 300 else '...'}")
        else:
            words.append(f"{name}={oct(value) if name == 'perms' else value}")
    return f"{' '.join(words)}  # {mount.why}" + (f" ({_origin(mount.origin)})" if mount.origin.source != "inner" else "")


@pytest.mark.parametrize("name", CASES)
def test_plan(name, golden, tmp_path):
    golden(f"plans/{name}.txt", text(name, tmp_path))


def test_every_plan_has_its_case():
    assert {path.stem for path in (Path(__file__).parent / "plans").glob("*.txt")} == set(CASES)


@pytest.mark.parametrize("name", CASES)
def test_what_holds_for_every_plan(name, tmp_path):
    """Nothing secret of the machine is in the text of its plan, and a plan is the same whenever it is made."""
    found = text(name, tmp_path)
    assert found == text(name, tmp_path)
    assert str(tmp_path) not in found
    if not found.startswith("error:"):
        for secret in ("id_ed25519", ".aws", "WSL_INTEROP", "/run/WSL"):
            assert secret not in found
        assert ("/home/user/.npmrc" in found) == (name == "debian_12-flags")
        assert not any(line.startswith("bind /mnt") for line in found.splitlines())
