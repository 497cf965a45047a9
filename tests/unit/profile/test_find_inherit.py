"""Which file a name means, what `extends` may reach, and what a project that is not trusted may not choose."""

from __future__ import annotations

from pathlib import Path

import pytest
from configured import FIXTURES, Machine

from inner.errors import ConfigError, InnerError
from inner.profile.find import Shelf, is_path, stem
from inner.profile.values import NAME


def marked(text: str) -> str:
    return f'description = "{text}"\n'


def refused(machine: Machine, profile: str = "", **flags: object) -> tuple[str, str, str]:
    with pytest.raises(InnerError) as caught:
        machine.resolve(profile, **flags)
    return machine.short(caught.value.message), machine.short(caught.value.where), machine.short(caught.value.hint)


# --- names ----------------------------------------------------------------------------------------------------------------


def test_a_higher_scope_hides_the_same_name_in_a_lower_one(machine: Machine) -> None:
    assert machine.resolve("shell").description == "A shell in the project, without network"
    machine.write("system", "shell", marked("system"))
    assert machine.resolve("shell").description == "system"
    machine.write("user", "shell", marked("user"))
    assert machine.resolve("shell").description == "user"
    machine.trust(machine.write("project", "shell", marked("project")))
    assert machine.resolve("shell").description == "project"
    machine.trust(machine.inner_toml("[profiles.shell]\n" + marked("inline")))
    assert machine.resolve("shell").description == "inline"
    assert [(entry.scope, entry.shadowed) for entry in machine.entries("shell")] == [
        ("project", False), ("project", True), ("user", True), ("system", True), ("built-in", True),
    ]  # fmt: skip
    assert machine.resolve("shell", no_project=True).description == "user"


@pytest.mark.parametrize("name", ["a", "0", "a.b-c_d", "a" * 64])
def test_a_name_that_is_one(machine: Machine, name: str) -> None:
    machine.write("user", name, "")
    assert machine.resolve(name).name == name


@pytest.mark.parametrize("name", ["A", "-a", ".a", "_a", "a b", "a" * 65, "é", "a\n", "a\x1b[2J", "$HOME"])
def test_a_name_that_is_none(machine: Machine, name: str) -> None:
    machine.put(machine.home / ".config/inner/profiles" / f"{name}.toml", 'schema_version = "1"\n')
    message, _, hint = refused(machine, name)
    assert message.endswith("` is not the name of a profile")
    assert message.isprintable()
    assert hint.startswith("names have lower-case letters")
    assert not machine.entries(name)


@pytest.mark.parametrize(
    ("text", "path"),
    [("a/b", True), ("./a", True), ("a.toml", True), ("~/a", True), ("a", False), ("a.b", False), ("toml", False), ("..", False)],
)
def test_what_looks_like_a_path(text: str, path: bool) -> None:
    assert is_path(text) is path


def test_the_closest_name_is_offered(machine: Machine) -> None:
    assert refused(machine, "claude-interactiv") == (
        "profile `claude-interactiv` does not exist", "", "did you mean `claude-interactive`? `inner profile list` shows all profiles",
    )  # fmt: skip
    assert refused(machine, "claude")[2] == "did you mean `claude-interactive`? `inner profile list` shows all profiles"
    machine.put(machine.home / ".config/inner/config.toml", 'default_profile = "shel"\n')
    assert refused(machine)[:2] == ("profile `shel` does not exist", "/home/.config/inner/config.toml:1")


def test_a_path_is_relative_to_the_current_folder(machine: Machine) -> None:
    machine.put(machine.home / "x.toml", 'schema_version = "1"\n' + marked("home"))
    assert machine.resolve("~/x.toml").description == "home"
    assert machine.resolve(f"{machine.home}/x.toml").description == "home"
    assert machine.resolve("../../home/x.toml").description == "home"
    assert refused(machine, "./x.toml")[0] == "this profile does not exist" or "cannot be read" in refused(machine, "./x.toml")[0]
    assert machine.resolve("~/x.toml").layers[0].source == "user"


def test_a_path_into_the_project_is_the_projects_whoever_typed_it(machine: Machine) -> None:
    path = machine.put(machine.project / "tools/x.toml", 'schema_version = "1"\nextends = "shell"\n[sandbox]\nclipboard = true\n')
    (machine.home / "link.toml").symlink_to(path)
    (machine.home / "folder").symlink_to(path.parent)
    for text in ("tools/x.toml", str(path)):
        found = machine.resolve(text)
        assert (found.sandbox.clipboard, found.layers[-1].source) == (False, "project")
        assert found.notices == (f"`sandbox.clipboard` is not taken: {path}:4 is not trusted (read it, then `inner trust`)",)
    assert machine.resolve(f"{machine.home}/folder/x.toml").sandbox.clipboard is False
    assert (
        refused(machine, f"{machine.home}/link.toml")[0] == "a project's configuration may not be, or lie behind, a symbolic link"
    )
    machine.trust(path)
    assert machine.resolve("tools/x.toml").sandbox.clipboard is True


@pytest.mark.parametrize("link", ["file", "folder", "parent"])
def test_a_projects_profile_behind_a_link_is_not_read(machine: Machine, link: str) -> None:
    secret = machine.put(machine.home / "secret/x.toml", 'schema_version = "1"\n' + marked("secret"))
    folder = machine.project / ".inner/profiles"
    if link == "file":
        folder.mkdir(parents=True)
        (folder / "x.toml").symlink_to(secret)
    elif link == "folder":
        folder.parent.mkdir()
        folder.symlink_to(secret.parent)
    else:
        (machine.home / "other/profiles").mkdir(parents=True)
        machine.put(machine.home / "other/profiles/x.toml", secret.read_text())
        folder.parent.symlink_to(machine.home / "other")
    assert refused(machine, "x")[0] == "a project's configuration may not be, or lie behind, a symbolic link"
    assert "secret" not in str(machine.entries("x"))


def test_a_name_from_an_address() -> None:
    cases = {
        "https://a.test/x/my-node.toml?raw=1#L3": "my-node",
        "https://a.test/": "downloaded",
        "https://a.test/A%20B.toml": "downloaded",
        "https://a.test/X.TOML": "x",
    }
    assert {url: stem(url) for url in cases} == cases
    assert all(NAME.fullmatch(name) for name in cases.values())


# --- extends --------------------------------------------------------------------------------------------------------------


def test_a_profile_sees_its_own_scope_and_those_below(machine: Machine) -> None:
    machine.write("system", "base", marked("system"))
    machine.trust(machine.write("project", "base", marked("project")))
    machine.write("user", "mine", 'extends = "base"\n')
    assert machine.resolve("mine").description == "system", "a project cannot put itself under a user's profile"
    machine.trust(machine.write("project", "theirs", 'extends = "base"\n'))
    assert machine.resolve("theirs").description == "project"


def test_a_profile_extends_the_one_it_hides(machine: Machine) -> None:
    machine.write("user", "shell", 'extends = "shell"\n[sandbox]\nallow = ["npmrc"]\n')
    found = machine.resolve("shell")
    assert found.sandbox.allow == ("npmrc",)
    assert "apt-get" in found.noop.block
    assert [origin.source for origin in found.layers] == ["built-in", "user"]


def test_a_chain_is_folded_from_its_end(machine: Machine) -> None:
    machine.write("user", "a", marked("a") + 'extends = "b"\n')
    machine.write("user", "b", marked("b") + 'extends = "./sub/c.toml"\n[env]\nset = { A = "b", B = "b" }\n')
    machine.write(
        "user", "profiles/sub/c.toml", 'schema_version = "1"\nextends = "../d.toml"\n[env]\nset = { B = "c", C = "c" }\n'
    )
    machine.write("user", "d", '[env]\nset = { C = "d", D = "d" }\n')
    found = machine.resolve("a")
    assert (found.description, found.env.set) == ("a", {"A": "b", "B": "b", "C": "c", "D": "d"})
    assert [machine.short(str(found.origin(f"env.set.{name}"))) for name in "ABCD"] == [
        f"/home/.config/inner/profiles/{place}" for place in ("b.toml:5", "b.toml:5", "sub/c.toml:4", "d.toml:3")
    ]


@pytest.mark.parametrize(
    ("files", "circle", "where"),
    [
        ({"a": "a"}, None, ""),
        ({"a": "b", "b": "a"}, "`a` -> `b` -> `a`", "b.toml:2"),
        ({"a": "b", "b": "c", "c": "b"}, "`b` -> `c` -> `b`", "c.toml:2"),
        ({"a": "./a.toml"}, "`a` -> `a`", "a.toml:2"),
        ({"a": "./b.toml", "b": "a"}, "`a` -> `b` -> `a`", "b.toml:2"),
    ],
)
def test_a_circle_is_named(machine: Machine, files: dict[str, str], circle: str | None, where: str) -> None:
    for name, base in files.items():
        machine.write("user", name, f'extends = "{base}"\n')
    message, place, hint = refused(machine, "a")
    if circle is None:
        assert message == "profile `a` extends `a`, which does not exist"
    else:
        assert message == f"profiles extend each other in a circle: {circle}"
        assert (place, hint) == (f"/home/.config/inner/profiles/{where}", "take one of the `extends` out")


def test_a_chain_without_end_ends(machine: Machine) -> None:
    for number in range(40):
        machine.write("user", f"p{number}", f'extends = "p{number + 1}"\n')
    assert refused(machine, "p0")[0] == "profile `p0` extends more than 32 profiles"


def test_a_base_that_is_missing_is_named_with_the_closest_one(machine: Machine) -> None:
    machine.write("user", "strict", 'extends = "base-lnie"\n')
    machine.write("user", "base-line", "")
    assert refused(machine, "strict") == (
        "profile `strict` extends `base-lnie`, which does not exist", "/home/.config/inner/profiles/strict.toml:2",
        "did you mean `base-line`? `inner profile list` shows all profiles",
    )  # fmt: skip
    machine.write("user", "by-path", 'extends = "./missing.toml"\n')
    assert refused(machine, "by-path")[:2] == ("this profile does not exist", "/home/.config/inner/profiles/by-path.toml:2")


# --- a project that is not trusted ----------------------------------------------------------------------------------------


def test_it_narrows_the_profile_that_it_hides(machine: Machine) -> None:
    machine.write("user", "work", 'extends = "shell"\n[sandbox]\nallow = ["npmrc", "netrc"]\nnetwork_mode = "full"\n')
    path = machine.write(
        "project",
        "work",
        '[sandbox]\nallow = { remove = ["netrc"], add = ["ssh-keys"] }\nnetwork_mode = "off"\nmask = [".env"]\n',
    )
    found = machine.resolve("work")
    box = found.sandbox
    assert (box.allow, box.network_mode, box.mask) == (("npmrc",), "off", (".env",))
    assert [origin.source for origin in found.layers] == ["built-in", "user", "project"]
    assert found.notices == (f"`sandbox.allow[ssh-keys]` is not taken: {path}:3 is not trusted (read it, then `inner trust`)",)
    machine.trust(path)
    assert machine.resolve("work").sandbox.allow == ("ssh-keys",), "once trusted, it takes the other's place"


@pytest.mark.parametrize("base", ["claude-containers", "node-22", "other"])
def test_it_does_not_choose_what_it_is_put_on(machine: Machine, base: str) -> None:
    machine.write("user", "other", "")
    path = machine.write("project", "x", f'extends = "{base}"\n')
    message, where, hint = refused(machine, "x")
    assert message == f"profile `x` of this project, which is not trusted, may not choose `{base}` as its base"
    assert (where, hint) == (
        "/src/project/.inner/profiles/x.toml:2",
        f"read the file, then `inner trust {machine.short(str(path))}`; or name the base: `inner run -p {base}`",
    )
    machine.trust(path)
    machine.resolve("x")


@pytest.mark.parametrize("base", ["./x.toml", "../../../../home/.config/inner/profiles/other.toml", "/etc/passwd", "~/x.toml"])
def test_nor_by_path(machine: Machine, base: str) -> None:
    machine.write("user", "other", "[sandbox]\nclipboard = true\n")
    machine.put(machine.home / "x.toml", 'schema_version = "1"\n[sandbox]\nclipboard = true\n')
    machine.write("project", "y", f'extends = "{base}"\n')
    with pytest.raises(InnerError):
        machine.resolve("y")


def test_it_may_build_on_the_users_default(machine: Machine) -> None:
    machine.write("project", "x", 'extends = "shell"\n[sandbox]\nmask = [".env"]\n')
    assert machine.resolve("x").sandbox.mask == (".env",)
    machine.put(machine.home / ".config/inner/config.toml", 'default_profile = "mine"\n')
    machine.write("user", "mine", 'extends = "node-22"\n')
    machine.write("project", "y", 'extends = "mine"\n')
    assert machine.resolve("y").sandbox.network_allow == ("@npm",)


def test_it_starts_no_other_command_than_what_was_named(machine: Machine) -> None:
    machine.write("user", "work", 'extends = "shell"\n[entrypoint]\ncmd = "make"\nargs = ["test"]\n')
    path = machine.write("project", "work", '[entrypoint]\ncmd = "sh"\n')
    assert refused(machine, "work")[:2] == (
        "profile `work`, which is not trusted, would start another command",
        "/src/project/.inner/profiles/work.toml:3",
    )
    assert machine.resolve("work", entrypoint="true").entrypoint.cmd == "true"
    machine.put(path, 'schema_version = "1"\n[entrypoint]\ncmd = "make"\nargs = ["evil"]\n')
    assert refused(machine, "work")[1] == "/src/project/.inner/profiles/work.toml:4"
    machine.put(path, 'schema_version = "1"\n[entrypoint]\ncmd = "make"\n')
    assert machine.resolve("work").entrypoint.args == ("test",)


def test_a_trusted_profile_on_one_that_is_not_is_narrowed_below(machine: Machine) -> None:
    machine.write("project", "lower", 'extends = "shell"\n[sandbox]\nclipboard = true\nmask = [".env"]\n')
    machine.trust(machine.write("project", "upper", 'extends = "lower"\n[sandbox]\nallow = ["npmrc"]\n'))
    box = machine.resolve("upper").sandbox
    assert (box.clipboard, box.mask, box.allow) == (False, (".env",), ("npmrc",))


def test_no_command_of_the_host_is_run_because_a_project_says_so(machine: Machine) -> None:
    text = '[credentials.x]\nsource = "command:touch /tmp/pwned"\nhosts = ["a.test"]\n'
    path = machine.write("project", "shell", text)
    found = machine.resolve("shell")
    assert found.credentials == {}
    assert found.notices == (f"`credentials.x` is not taken: {path}:2 is not trusted (read it, then `inner trust`)",)
    machine.trust(path)
    assert refused(machine, "shell") == (
        "`credentials.x` would run a command of this machine, and only a profile of your own can have that", "/src/project/.inner/profiles/shell.toml:2",
        "move the credential to a profile in `~/.config/inner/profiles`, which that one extends",
    )  # fmt: skip
    machine.put(path, 'schema_version = "1"\nextends = "mine"\n')
    machine.trust(path)
    machine.write("user", "mine", text)
    assert machine.resolve("shell").credentials["x"].source == "command:touch /tmp/pwned"


def test_the_command_line_has_the_last_word(machine: Machine) -> None:
    machine.write("project", "shell", '[sandbox]\nnetwork_mode = "off"\n')
    found = machine.resolve("shell", network=True, allow=("npmrc",))
    assert (found.sandbox.network_mode, found.sandbox.allow) == ("full", ("npmrc",))
    assert found.origin("sandbox.network_mode").source == "flag"


def test_no_more_than_ten_notices_are_made(machine: Machine) -> None:
    allow = ", ".join(
        f'"{key}"'
        for key in (
            "npmrc",
            "netrc",
            "pypirc",
            "pgpass",
            "ssh-keys",
            "gpg-keys",
            "keyrings",
            "gh-config",
            "helm-config",
            "docker-config",
            "kube-config",
            "aws-credentials",
        )
    )
    machine.write("project", "shell", f"[sandbox]\nallow = [{allow}]\n")
    notices = machine.resolve("shell").notices
    assert len(notices) == 11
    assert notices[-1] == "and 2 more keys are not taken"


# --- the Go tool's files --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", sorted((FIXTURES / "go").glob("*.toml")), ids=lambda path: path.stem)
def test_the_go_tools_profiles_load_unchanged(machine: Machine, path: Path) -> None:
    for one in path.parent.glob("*.toml"):
        machine.put(machine.home / ".config/inner/profiles" / one.name, one.read_bytes())
    found = machine.resolve(path.stem)
    assert found.notices == ()
    assert found.sandbox.root == "minimal", "what that tool left open is closed"


def test_every_profile_that_can_be_named_can_be_found(machine: Machine) -> None:
    machine.write("user", "mine", "")
    machine.inner_toml("[profiles.inline]\n")
    shelf = Shelf(machine.host(), machine.settings())
    for place in shelf.places():
        assert place in shelf.candidates(place.name)


def test_a_broken_profile_does_not_hide_the_list(machine: Machine) -> None:
    machine.write("user", "broken", "x = [\n")
    machine.put(machine.home / ".config/inner/profiles/folder.toml/x", "")
    problems = {entry.name: entry.problem for entry in machine.entries() if entry.problem}
    assert problems == {"broken": "this is not TOML: invalid value", "folder": "this is not a regular file"}
    with pytest.raises(ConfigError):
        machine.resolve("broken")
