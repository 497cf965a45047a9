"""Each layout of `closure_layouts`: what a closure is made of, whole. `python closure_layouts.py` writes the files anew."""

from pathlib import Path

import closure_layouts
import pytest

from inner.paths import ancestors, covers
from inner.plan.closure import closure, path_entries


@pytest.mark.parametrize("name", closure_layouts.LAYOUTS)
def test_layout(name):
    assert closure_layouts.text(name) == (Path(__file__).parent / f"{name}.txt").read_text()


@pytest.mark.parametrize("name", closure_layouts.LAYOUTS)
def test_what_holds_for_every_layout(name):
    host, names = closure_layouts.LAYOUTS[name]()
    for found in (closure(names, host=host, base=closure_layouts.BASE), path_entries(host, closure_layouts.BASE)):
        shown = {*closure_layouts.BASE, *(b.dest for b in found.binds)}
        for bind in found.binds:
            assert bind.mode == "ro"
            assert bind.src == bind.dest
            assert not covers(bind.src, host.home)
            assert not covers(bind.src, host.cwd)
            assert not any(above in shown for above in ancestors(bind.dest))
        for link in found.links:
            assert not any(above in shown for above in ancestors(link.dest))
            assert not covers(host.cwd, link.dest)
        assert not any(covers(host.cwd, place) for place in found.path)


def test_every_layout_has_its_file_and_no_file_is_left_over():
    assert {p.stem for p in Path(__file__).parent.glob("*.txt")} == set(closure_layouts.LAYOUTS)
