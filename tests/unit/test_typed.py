"""What a message says to type is one command, whatever somebody has called a folder."""

from __future__ import annotations

import errno
import shlex

import pytest

from inner.config.document import read
from inner.errors import ConfigError
from inner.launch.placeholders import _mend
from inner.origin import Origin
from inner.profile.expand import literal
from inner.profile.resolve import remedy

NAME = "x'; touch pwn; $(touch pwn) #"


def typed(hint: str) -> list[list[str]]:
    return [shlex.split(part) for part in hint.split("`")[1::2]]


@pytest.mark.parametrize("problem", [None, errno.ENOSPC])
def test_a_project_that_cannot_be_written(tmp_path, problem):
    project = tmp_path / NAME
    project.mkdir()
    told = typed(_mend(str(project), problem))
    assert told
    assert all(
        words[1:] in ([str(project)], ["u+w", str(project)], ["-h", str(project)], [literal(f"{project}:{project}")])
        for words in told
    )


def test_a_file_to_be_trusted():
    assert typed(remedy(Origin("project", f"/{NAME}/.inner.toml", 1))) == [["inner", "trust", f"/{NAME}/.inner.toml"]]


def test_a_file_that_others_may_write(tmp_path):
    file = tmp_path / NAME
    file.write_text("")
    file.chmod(0o666)
    with pytest.raises(ConfigError) as refused:
        read(str(file), uid=file.stat().st_uid)
    assert typed(refused.value.hint) == [["chmod", "go-w", str(file)]]
