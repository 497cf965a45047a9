"""The fast reader of `inner run` and Typer's agree: whatever the front door accepts, Typer reads the same way."""

import typer
from hypothesis import example, given
from hypothesis import strategies as st

from inner import front
from inner.commands.options import RUN
from inner.commands.signature import run_command

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=6) | st.sampled_from(
    ["-", "--", "-p", "--network", "x", "", "=", "a=b", "run", "--help", "-x", "3", "0", "1.5", "-1", "١"]
)
NAMES = st.sampled_from([name for option in RUN for name in option.names])
WORD = st.one_of(
    NAMES, TEXT, st.tuples(NAMES, TEXT).map("=".join), st.sampled_from(["-pshell", "-ix", "--pro", "--", "--help", "-h"])
)
PAIRS = st.lists(st.tuples(NAMES, TEXT).map(list) | st.tuples(WORD).map(list), max_size=6)
LINE = PAIRS.map(lambda pairs: [word for pair in pairs for word in pair])


def typer_reads(argv):
    seen = []
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command("run")(run_command(lambda request: seen.append(request) or 0))
    app.command("other")(lambda: None)
    try:
        app(args=argv, prog_name="inner", standalone_mode=False)
    except Exception as problem:
        if not hasattr(problem, "exit_code"):
            raise
        return None
    return seen[0] if seen else None


@given(LINE)
@example(["-p", "shell", "--", "--help"])
@example(["--env", "A=B", "--env=C=D", "--network", "--no-network"])
@example(["--timeout", "3", "--limit-pids", "7", "-i", "--", "a", "--", "b"])
@example(["-p", "--"])
@example(["--entrypoint", "", "--"])
@example(["make", "--network", "test", "--", "-j", "--network"])
@example(["-", "", "-p", "shell", "x"])
def test_front_accepts_only_what_typer_reads_the_same(words):
    request = front.read(["run", *words])
    if request is not None:
        assert request == typer_reads(["run", *words])


@given(
    st.lists(st.sampled_from([["-p", "x"], ["--network"], ["-e", "A=b"], ["--timeout", "5"], ["--dry-run"]]), max_size=4),
    st.lists(TEXT, max_size=3),
)
def test_front_accepts_the_plain_forms(options, words):
    """None would always be right, and slow: the plain forms must not need Typer."""
    assert front.read(["run", *(word for option in options for word in option), "--", *words]) is not None
    assert front.read(["run", "make", *(word for option in options for word in option)]) is not None


def test_front_leaves_the_rest_alone():
    for argv in (
        [],
        ["profile", "list"],
        ["run", "--help"],
        ["run", "make", "-j"],
        ["run", "--profile"],
        ["run", "--timeout", "soon"],
        ["claude"],
    ):
        assert front.read(argv) is None
