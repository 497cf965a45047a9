import pytest

from inner.errors import ConfigError
from inner.facts import Facts
from inner.plan.environment import environment
from inner.plan.model import Variable
from inner.profile.model import Env, Profile

HOST = {
    "HOME": "/home/user", "PATH": "/bin", "TERM": "xterm", "LANG": "xx_XX.UTF-8", "API_KEY": "secret", "LD_PRELOAD": "/tmp/x.so", "PYTHONPATH": "/tmp",
    "GIT_SSH_COMMAND": "evil", "BASH_FUNC_ls%%": "() { :; }", "NODE_OPTIONS": "-r x", "SSH_AUTH_SOCK": "/s", "DBUS_SESSION_BUS_ADDRESS": "b", "PLAIN": "yes",
    "INNER_DEFAULT_PROFILE": "x",
}  # fmt: skip


def make(env, **host):
    found, notices = environment(
        Profile("p", env=env), Facts({}, env={**HOST, **host}), own=(("HOME", "/home/user"), ("PATH", "/usr/bin")), terminal=True,
        expand=lambda text, origin: text.replace("$X", "expanded"), extra=(Variable("GIT_CONFIG_GLOBAL", "/etc/inner/gitconfig"),),
    )  # fmt: skip
    return {v.name: v.value for v in found}, notices


def test_it_is_made_from_nothing():
    env, _ = make(Env())
    assert env == {
        "LANG": "C.UTF-8",
        "TERM": None,
        "GIT_CONFIG_GLOBAL": "/etc/inner/gitconfig",
        "HOME": "/home/user",
        "PATH": "/usr/bin",
    }


def test_what_passes_is_a_reference_and_never_a_value():
    env, _ = make(Env(passthrough=("API_KEY", "ABSENT")))
    assert env["API_KEY"] is None
    assert "ABSENT" not in env


def test_inherit_all_leaves_out_what_runs_code_and_what_points_at_the_session():
    env, notices = make(Env(inherit_all=True))
    assert {"API_KEY", "PLAIN"} <= set(env)
    assert not {
        "LD_PRELOAD",
        "PYTHONPATH",
        "GIT_SSH_COMMAND",
        "BASH_FUNC_ls%%",
        "NODE_OPTIONS",
        "SSH_AUTH_SOCK",
        "DBUS_SESSION_BUS_ADDRESS",
    } & set(env)
    assert not any(name.startswith("INNER_") for name in env)
    assert notices


def test_a_variable_that_runs_code_passes_by_name_with_a_notice():
    env, notices = make(Env(passthrough=("NODE_OPTIONS",)))
    assert "NODE_OPTIONS" in env
    assert any("NODE_OPTIONS" in text for text in notices)


def test_what_is_set_is_expanded_and_wins_but_not_over_inners_own():
    env, _ = make(Env(set={"A": "$X", "GIT_CONFIG_GLOBAL": "mine", "PATH": "/evil"}))
    assert (env["A"], env["GIT_CONFIG_GLOBAL"], env["PATH"]) == ("expanded", "mine", "/usr/bin")


@pytest.mark.parametrize(
    "env",
    [
        Env(passthrough=("A*",)),
        Env(passthrough=("BASH_FUNC_x%%",)),
        Env(set={"A B": "x"}),
        Env(set={"": "x"}),
        Env(set={"A=B": "x"}),
    ],
)
def test_names_that_are_none(env):
    with pytest.raises(ConfigError):
        make(env)


@pytest.mark.parametrize(
    "term, tree, passed",
    [
        ("xterm-kitty", {"/usr/share/terminfo/x/xterm-256color": "file"}, "xterm-256color"),
        ("xterm-kitty", {"/usr/share/terminfo/x/xterm-kitty": "file"}, None),
        ("xterm-kitty", {"/usr/share/terminfo/78/xterm-kitty": "file"}, None),
        ("xterm-kitty", {"/etc/terminfo": "dir"}, None),
        ("../x", {"/usr/share/terminfo/x/xterm-256color": "file"}, None),
        ("dumb", {"/usr/share/terminfo/x/xterm-256color": "file"}, None),
    ],
)
def test_a_terminal_that_the_system_does_not_know_is_taken_for_an_xterm(term, tree, passed):
    host = Facts(tree, env={"TERM": term})
    found, _ = environment(Profile("p"), host, own=(), terminal=True, expand=lambda t, o: t)
    assert {v.name: v.value for v in found}["TERM"] == passed


def test_a_locale_of_the_system_passes():
    found, _ = environment(
        Profile("p"), Facts({"/usr/lib/locale/xx_XX.utf8": "dir"}, env=HOST), own=(), terminal=True, expand=lambda t, o: t
    )  # fmt: skip
    assert Variable("LANG", None) in found


def test_a_locale_that_the_system_does_not_have_passes_in_no_way():
    for env in (Env(), Env(passthrough=("LANG", "LC_ALL")), Env(inherit_all=True)):
        found, _ = make(env, LC_ALL="yy_YY.UTF-8")
        assert (found["LANG"], found.get("LC_ALL")) == ("C.UTF-8", None)
        assert "LC_ALL" not in found
