"""The one place that catches: messages, statuses, reports."""

import os

import pytest

from inner import errors
from inner.guard import guard
from inner.surprise import SCARCE, SURPRISE


@pytest.fixture(autouse=True)
def state(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state"


def fails(error):
    def work():
        raise error

    return work


@pytest.mark.parametrize(
    ("kind", "alone", "run"),
    [(errors.CheckFailed, 1, 125), (errors.UsageError, 2, 125), (errors.ConfigError, 3, 125), (errors.HostError, 4, 125), (errors.RunError, 4, 125),
     (errors.CannotExecute, 4, 126), (errors.CommandNotFound, 4, 127)],
)  # fmt: skip
def test_each_error_has_its_status(kind, alone, run, capfd):
    problem = kind("what happened", hint="type this", where="file:3")
    assert guard(fails(problem)) == alone
    assert guard(fails(problem), before_start=125) == run
    out, err = capfd.readouterr()
    assert (out, err) == ("", "error: what happened\n  --> file:3\nhint: type this\n" * 2)


def test_what_the_work_returns():
    assert (guard(lambda: None), guard(lambda: 7), guard(lambda: 7, before_start=125)) == (0, 7, 7)
    with pytest.raises(errors.Killed) as ended:
        guard(fails(KeyboardInterrupt()))
    assert (ended.value.signum, ended.value.group) == (2, False)


def test_an_error_from_a_hostile_file_cannot_speak_to_the_terminal(capfd):
    guard(fails(errors.ConfigError("a\x1b[2Jb\u202e", where="x\ny", hint="c\rd")))
    err = capfd.readouterr().err
    assert err == "error: a\\x1b[2Jb\\u202e\n  --> x\\ny\nhint: c\\rd\n"


def test_a_surprise_becomes_a_report_that_others_cannot_read(state, capfd, monkeypatch):
    monkeypatch.setenv("API_TOKEN", "a-secret-value")
    monkeypatch.setattr("sys.argv", ["inner", "run", "--", "curl", "-H", "another-secret"])

    def work():
        local = os.environ["API_TOKEN"]
        return [local][5]

    assert guard(work) == SURPRISE
    assert guard(work, before_start=125) == 125
    out, err = capfd.readouterr()
    assert out == ""
    assert err.splitlines()[0] == "error: inner met something unexpected: IndexError"
    path = next(iter((state / "inner/reports").iterdir()))
    assert str(path) in err
    text = path.read_text()
    assert "a-secret-value" not in text and "another-secret" not in text
    assert "IndexError" in text and "inner run" in text and "Traceback" in text
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)


def test_where_no_report_can_be_written_the_details_are_shown(tmp_path, monkeypatch, capfd):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    assert guard(fails(ValueError("\x1b[31mred"))) == SURPRISE
    err = capfd.readouterr().err
    assert "Traceback" in err and "\x1b" not in err


def test_too_deep_is_said_and_is_no_surprise(state, capfd):
    assert guard(fails(RecursionError())) == 3
    assert capfd.readouterr().err == "error: the input is nested too deeply\n"
    assert not state.exists()


@pytest.mark.parametrize("number", sorted(SCARCE))
def test_what_a_machine_runs_out_of_is_no_mistake_of_inners(number, capfd):
    def work():
        raise OSError(number, os.strerror(number), "/some/file")

    assert (guard(work), guard(work, before_start=125)) == (4, 125)
    shown = capfd.readouterr().err
    assert shown.count(SCARCE[number][0]) == 2
    assert "unexpected" not in shown
