"""The drawing of a box on a recorded machine, as text and as the picture of the documents."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from configured import REPOSITORY, Machine
from machines import debian_12

from inner.commands.drawing import Drawing, drawing
from inner.commands.explain import _plan, _Writer
from inner.commands.svg import svg
from inner.profile.model import Profile

PROFILE = """\
description = "Node, a private registry and a database beside the project"
extends = "node-22"
[sandbox]
allow = ["npmrc"]
network_allow = ["registry.example.org"]
[env]
passthrough = ["CI"]
set = { NODE_ENV = "test" }
[entrypoint]
cmd = "bash"
"""


@pytest.fixture
def profile(tmp_path) -> Profile:
    root = tmp_path / "machine"
    root.mkdir(mode=0o755)
    machine = Machine(root.resolve())
    machine.write("user", "web", PROFILE)
    found = machine.resolve("web")

    def moved(text: str) -> str:
        return text.replace(str(machine.home), "/home/user")

    origins = {
        key: type(origin)(origin.source, moved(origin.file), 0 if origin.source == "built-in" else origin.line)
        for key, origin in found.origins.items()
    }
    layers = tuple(type(origin)(origin.source, moved(origin.file), origin.line) for origin in found.layers)
    return type(found)(**{**found.__dict__, "origins": origins, "layers": layers})


@pytest.fixture
def box(profile: Profile) -> Drawing:
    host = debian_12()
    plan, command, notices = _plan(profile, host)  # type: ignore[arg-type]
    return drawing(plan, profile, host, command=command, root="", notices=notices)


@pytest.mark.parametrize("rich", [False, True])
def test_the_drawing_as_text(
    box: Drawing, golden: Callable[[str, str], None], capfd: pytest.CaptureFixture[str], rich: bool
) -> None:
    _Writer(lambda path: path.replace("/home/user", "~"), rich=rich).drawing(box)
    text = capfd.readouterr().out
    golden(f"explain/web{'-terminal' if rich else ''}.txt", text)
    assert all(len(line) <= 80 for line in text.replace("\x1b[0m", "").split("\n") if "\x1b" not in line)


def test_the_picture_of_the_documents_is_of_this_version(box: Drawing, golden: Callable[[str, str], None]) -> None:
    golden("../../docs/explanation/box.svg", svg(box) + "\n")
    assert (REPOSITORY / "docs/explanation/box.svg").is_file()
