"""What a run of root's is refused; tests/box/test_root_box.py makes the boxes."""

from __future__ import annotations

import pytest

from inner.errors import RunError
from inner.plan import root
from inner.profile.model import Origin, Profile, Sandbox


@pytest.mark.parametrize(
    ("sandbox", "key"),
    [
        (Sandbox(root="host-ro"), "sandbox.root"),
        (Sandbox(seccomp="off"), "sandbox.seccomp"),
        (Sandbox(allow=("nested-user-ns",)), "sandbox.allow[nested-user-ns]"),
    ],
)
def test_what_undoes_it_is_refused_where_it_is_said(sandbox, key):
    profile = Profile(name="p", sandbox=sandbox, origins={key: Origin("user", "/p.toml", 7)})
    with pytest.raises(RunError) as error:
        root.refuse(profile)
    assert error.value.where == "/p.toml:7"
    assert error.value.hint


def test_the_rest_is_not():
    root.refuse(Profile(name="p", sandbox=Sandbox(home="host-ro", network_mode="full", allow=("ssh-agent",))))
