import pytest

from inner import gitconfig
from inner.errors import ConfigError
from inner.facts import Facts
from inner.paths import BoxPath, HostPath
from inner.plan.hide import Secrets
from inner.plan.identity import git
from inner.plan.model import Bind, Data, Mask
from inner.profile.model import Git, Profile

HOME, PROJECT = "/home/user", "/home/user/project"
NONE = Profile("p")


def made(tree, *, profile=NONE, env=(), mounts=(), program=""):
    host = Facts({PROJECT: "dir", **tree}, env={"HOME": HOME, **dict(env)})
    return git(profile, host, project=PROJECT, mounts=mounts, secrets=Secrets(host), program=program)


def content(found):
    return next(m.content for m in found.mounts if isinstance(m, Data) and m.dest.endswith("gitconfig"))


def values(found):
    return {v.name: v.value for v in found.variables}


def text(words):
    return ("file", words.encode())


def test_who_the_user_is_becomes_the_systems_configuration():
    found = made({f"{HOME}/.gitconfig": text("[user]\nname = A\nemail = a@example.org\n[credential]\nhelper = store\n")})
    assert found.mounts[0].dest == "/etc/gitconfig"
    assert content(found) == b'[user]\n\tname = "A"\n\temail = "a@example.org"\n'
    assert values(found) == {
        "GIT_CONFIG_SYSTEM": "/etc/gitconfig", "GIT_CONFIG_COUNT": "2", "GIT_CONFIG_KEY_0": "commit.gpgsign", "GIT_CONFIG_VALUE_0": "false",
        "GIT_CONFIG_KEY_1": "tag.gpgsign", "GIT_CONFIG_VALUE_1": "false",
    }  # fmt: skip


def test_system_then_xdg_then_home():
    tree = {
        "/etc/gitconfig": text("[pull]\nrebase=1\n"),
        f"{HOME}/.config/git/config": text("[pull]\nrebase=2\n"),
        f"{HOME}/.gitconfig": text("[pull]\nrebase=3\n"),
    }
    assert content(made(tree)) == b'[pull]\n\trebase = "1"\n\trebase = "2"\n\trebase = "3"\n'
    assert content(made(tree, env={"GIT_CONFIG_GLOBAL": "/nowhere"})) == b'[pull]\n\trebase = "1"\n'
    assert content(made(tree, env={"GIT_CONFIG_NOSYSTEM": "1", "XDG_CONFIG_HOME": "/x"})) == b'[pull]\n\trebase = "3"\n'


def test_includes_are_read_where_they_stand_and_only_when_they_apply():
    tree = {
        f"{HOME}/.gitconfig": text('[user]\nname = A\n[include]\npath = ~/.local.inc\n[includeIf "gitdir:~/project/"]\npath = p.inc\n[includeIf "gitdir:~/x/"]\npath = x.inc\n'),
        f"{HOME}/.local.inc": text("[user]\nemail = local@example.org\n"), f"{HOME}/p.inc": text("[user]\nemail = p@example.org\n"),
        f"{HOME}/x.inc": text("[user]\nemail = x@example.org\n"), f"{PROJECT}/.git/HEAD": text("ref: refs/heads/main\n"),
    }  # fmt: skip
    found = content(made(tree))
    assert gitconfig.get(found, "user.email") == "p@example.org"
    assert b"local@" in found
    assert b"x@" not in found


def test_includes_that_include_each_other_end():
    tree = {f"{HOME}/.gitconfig": text("[include]\npath = .gitconfig\n" * 5 + "[user]\nname = A\n")}
    assert content(made(tree)).count(b"name") <= 40


def test_nothing_is_read_from_the_project_as_the_users():
    tree = {f"{HOME}/.gitconfig": text("[include]\npath = project/evil.inc\n[core]\nexcludesFile = ~/project/x\n"), f"{PROJECT}/evil.inc": text("[user]\nname = Evil\n"),
            f"{PROJECT}/x": text("*")}  # fmt: skip
    found = made(tree)
    assert content(found) == b""
    assert len(found.mounts) == 1


def test_a_git_folder_that_is_a_link_is_not_followed():
    tree = {f"{HOME}/.gitconfig": text('[includeIf "onbranch:main"]\npath = x.inc\n'), f"{HOME}/x.inc": text("[user]\nname = X\n"),
            f"{PROJECT}/.git": "link:/home/user/other", f"{HOME}/other/HEAD": text("ref: refs/heads/main\n")}  # fmt: skip
    assert content(made(tree)) == b""


def test_ignored_files_are_ignored_in_the_box():
    found = made({f"{HOME}/.config/git/ignore": text("*.swp\n")})
    assert found.mounts[1].content == b"*.swp\n"
    assert gitconfig.get(content(found), "core.excludesFile") == found.mounts[1].dest
    assert (
        len(made({f"{HOME}/.gitconfig": text("[core]\nexcludesFile = ~/.netrc\n"), f"{HOME}/.netrc": text("secret")}).mounts) == 1
    )


@pytest.mark.parametrize(
    ("said", "safe"),
    [("*", True), (PROJECT, True), (PROJECT + "/", True), (HOME + "/*", True), ("/other", False), ("", False)],
)
def test_the_project_alone_is_safe_when_the_user_said_so(said, safe):
    found = content(made({f"{HOME}/.gitconfig": text(f'[safe]\ndirectory = /somewhere\ndirectory = "{said}"\n')}))
    assert gitconfig.get(found, "safe.directory") == (PROJECT if safe else None)


def test_the_profile_strips_and_overrides():
    profile = Profile("p", git=Git(("Pull",), {"push.default": "nothing", 'branch.a"b.merge': "x\ny", "commit.gpgsign": "true"}))
    found = made({f"{HOME}/.gitconfig": text("[pull]\nrebase = 1\n[push]\ndefault = simple\n")}, profile=profile)
    assert b"pull" not in content(found)
    assert gitconfig.get(content(found), "push.default") == "nothing"
    assert gitconfig.get(content(found), 'branch.a"b.merge') == "x\ny"
    assert values(found)["GIT_CONFIG_COUNT"] == "1"


@pytest.mark.parametrize("key", ["a\x00b.c", "a.1", "a]\n[x.y", "a.b c", "a.b\nc.d"])
def test_an_override_that_git_cannot_read_is_refused(key):
    with pytest.raises(ConfigError):
        made({}, profile=Profile("p", git=Git((), {key: "v"})))


def test_an_agent_that_hides_the_configuration_gets_the_identity_in_its_environment():
    tree = {
        f"{HOME}/.gitconfig": text("[user]\nname = A\nemail = a@example.org\n"),
        f"{PROJECT}/.git/config": text("[user]\nemail = work@example.org\n"),
    }
    for found in (values(made(tree, profile=Profile("p", agents=("gemini",)))), values(made(tree, program="/usr/bin/gemini"))):
        assert (found["GIT_AUTHOR_NAME"], found["GIT_COMMITTER_EMAIL"]) == ("A", "work@example.org")
        assert (found["GIT_CONFIG_COUNT"], found["GIT_CONFIG_KEY_3"], found["GIT_CONFIG_VALUE_3"]) == (
            "4",
            "user.email",
            "work@example.org",
        )
    assert "GIT_AUTHOR_NAME" not in values(made(tree))


def test_an_identity_in_the_environment_passes_by_name():
    assert values(made({}, env={"GIT_AUTHOR_NAME": "X", "GIT_COMMITTER_NAME": ""}))["GIT_AUTHOR_NAME"] is None
    assert "GIT_COMMITTER_NAME" not in values(made({}, env={"GIT_COMMITTER_NAME": ""}))


def test_where_the_hosts_files_are_shown_they_are_hidden():
    shown = (Bind(HostPath("/"), BoxPath("/")), Bind(HostPath(HOME), BoxPath(HOME)))
    tree = {f"{HOME}/.gitconfig": text("[include]\npath = dot/inc\n"), f"{HOME}/dot/inc": text("[http]\nextraHeader = secret\n")}
    found = made(tree, mounts=shown)
    assert {m.dest for m in found.mounts if isinstance(m, Mask)} == {f"{HOME}/.gitconfig", f"{HOME}/dot/inc"}
    assert values(found)["GIT_CONFIG_SYSTEM"] == found.mounts[0].dest == "/run/inner/gitconfig"
    assert made({**tree, "/etc/gitconfig": text("")}, mounts=shown).mounts[0].dest == "/etc/gitconfig"


def test_a_line_that_git_refuses_is_said():
    assert "line 2" in made({f"{HOME}/.gitconfig": text("[user]\n?\n")}).notices[0]


def test_what_another_writable_folder_holds_counts_as_the_projects():
    tree = {f"{HOME}/.gitconfig": "link:dot/gitconfig", f"{HOME}/dot/gitconfig": text("[pull]\nrebase = 1\n"), f"{HOME}/.config/git/ignore": "link:../../dot/ignore",
            f"{HOME}/dot/ignore": text("x")}  # fmt: skip
    shown = Bind(HostPath(f"{HOME}/dot"), BoxPath(f"{HOME}/dot"), "rw")
    assert content(made(tree)) != b""
    assert content(made(tree, mounts=(shown,))) == b""


def test_of_a_configuration_that_the_project_holds_only_the_identity_is_taken():
    tree = {f"{HOME}/.gitconfig": "link:project/gitconfig", f"{HOME}/.netrc": text("secret"), f"{HOME}/secret": text("secret"),
            f"{PROJECT}/gitconfig": text("[user]\nname = A\n[core]\nexcludesFile = ~/secret\n[pull]\nrebase = 1\n[include]\npath = ~/x.inc\n[safe]\ndirectory = *\n"),
            f"{HOME}/x.inc": text("[user]\nname = X\n")}  # fmt: skip
    found = made(tree)
    assert content(found) == b'[user]\n\tname = "A"\n'
    assert len(found.mounts) == 1
    assert "which the box may write" in found.notices[0]


@pytest.mark.parametrize(
    ("editor", "passed"), [("nano", "nano"), ("/usr/bin/nvim", "nvim"), ("code --wait", None), ("sh -c evil", None), ("", None), ("/x/evil;nano", None), ("evil /nano", "nano")]
)  # fmt: skip
def test_a_known_editor_is_the_boxs_as_well(editor, passed):
    assert values(made({}, env={"EDITOR": editor})).get("EDITOR") == passed
