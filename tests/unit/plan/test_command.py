import pytest

from inner.errors import CannotExecute, ConfigError, UsageError
from inner.plan.command import command, refuse_unexecutable
from inner.profile.model import Entrypoint, Profile
from inner.request import Request


def line(entry=None, args_file=None, **request):
    profile = Profile("p", entrypoint=entry or Entrypoint())
    words, _ = command(profile, Request(**request), shell="/bin/bash", args_file=args_file, expand=lambda text, origin: text)
    return words


AGENT = Entrypoint(cmd="agent", args=("--yolo",))


@pytest.mark.parametrize(
    ("entry", "request_", "words"),
    [
        (None, {}, ("/bin/bash",)),
        (None, {"words": ("make", "test")}, ("make", "test")),
        (None, {"words": ("-c", "echo hi")}, ("/bin/bash", "-c", "echo hi")),
        (None, {"arg": ("-l",)}, ("/bin/bash", "-l")),
        (AGENT, {}, ("agent", "--yolo")),
        (AGENT, {"arg": ("one", "two"), "words": ("three",)}, ("agent", "--yolo", "one", "two", "three")),
        (AGENT, {"words": ("--bind", "/", "/")}, ("agent", "--yolo", "--bind", "/", "/")),
        (Entrypoint(cmd="/bin/sh", args=("-c",)), {"arg": ("echo $0",)}, ("/bin/sh", "-c", "echo $0")),
    ],
)
def test_the_order_of_the_words(entry, request_, words):
    assert line(entry, **request_) == words


def test_the_file_of_arguments_comes_last_and_whole():
    assert line(AGENT, args_file=b"a long\ntext \xff", words=("x",)) == ("agent", "--yolo", "x", "a long\ntext \udcff")


def test_a_nul_byte_is_refused():
    with pytest.raises(UsageError):
        line(words=("a\0b",))
    with pytest.raises(ConfigError, match="NUL"):
        line(AGENT, args_file=b"a\0b")


def test_more_than_two_mebibytes_are_refused():
    with pytest.raises(ConfigError, match="2 MiB"):
        line(AGENT, args_file=b"x" * (2 * 1024 * 1024 + 1))


def test_more_than_half_a_mebibyte_is_a_warning():
    profile = Profile("p", entrypoint=AGENT)
    _, notices = command(profile, Request(args_file="f"), shell="/bin/sh", args_file=b"x" * (513 * 1024), expand=lambda t, o: t)
    assert any("513 KiB" in notice for notice in notices)


def test_an_argument_that_the_kernel_does_not_take_is_refused_before_the_start():
    refuse_unexecutable(("x" * (128 * 1024 - 1),))
    with pytest.raises(CannotExecute, match="128 KiB"):
        refuse_unexecutable(("x" * (128 * 1024),))
