"""What no toolchain may bring into a box: secrets, the home folder, places that others or the project decide."""

import pytest

from inner.facts import Facts
from inner.host import Stat
from inner.plan.closure import closure, path_entries, toolchains

H = "/home/user"
P = f"{H}/project"
ELF = ("file", b"\x7fELF\x02\x01\x01" + b"\0" * 57)
BASE = ("/usr",)
SYSTEM = {
    "/usr/bin/env": ELF,
    "/usr/bin/bash": ELF,
    "/usr/bin/python3": ELF,
    "/bin": "link:usr/bin",
    P: "dir",
    f"{H}/.ssh/id_ed25519": "file",
    f"{H}/secret/bin/run": ELF,
}


def host(tree, path, *, executable=(), env=None, cwd=P, **rest):
    facts = Facts({**SYSTEM, **tree}, env={"PATH": f"{path}:/usr/bin:/bin", **(env or {})}, cwd=cwd, **rest)
    for place in executable:
        facts._tree[place] = Stat("file", 0o755, 1000, 1000, 10)
    return facts


def sources(found):
    return [b.src for b in found.binds]


@pytest.mark.parametrize(
    "place",
    [H, f"{H}/.config", f"{H}/.cargo", f"{H}/.local/share", f"{H}/.local", f"{H}/.cache", f"{H}/.ssh", f"{H}/.ssh/bin", f"{H}/.aws/bin", f"{H}/.gnupg/x/bin", f"{H}/.config/gh/bin",
     f"{H}/.docker", f"{H}/.claude", f"{H}/.mozilla/bin", f"{H}/Downloads", "/home", "/opt", "/srv", "/", "/etc/profile.d", "/proc/self/cwd", f"{H}/.local/state/inner/bin", f"{H}/.cache/inner"],
)  # fmt: skip
def test_a_folder_on_path_that_is_never_shown(place):
    found = path_entries(host({f"{place}/tool": ELF}, place), BASE)
    assert sources(found) == []
    assert place not in found.path


@pytest.mark.parametrize(
    "place",
    [
        f"{H}/.cargo/bin",
        f"{H}/.claude/local",
        f"{H}/.local/share/tool",
        f"{H}/.config/composer/vendor/bin",
        "/opt/tool",
        f"{H}/.cache/uv/x/bin",
    ],
)
def test_the_same_folders_further_down_are(place):
    found = path_entries(host({f"{place}/tool": ELF}, place), BASE)
    assert sources(found) == [place]
    assert found.path[0] == place


@pytest.mark.parametrize(
    "secret",
    [
        ".ssh/run",
        ".aws/bin/run",
        ".gnupg/run",
        ".netrc",
        ".config/gh/run",
        ".cargo/credentials.toml",
        ".docker/config.json",
        ".claude/.credentials.json",
    ],
)
def test_a_link_or_a_wrapper_to_a_secret_shows_nothing_of_it(secret):
    tree = {
        f"{H}/{secret}": ELF,
        f"{H}/bin/direct": f"link:{H}/{secret}",
        f"{H}/bin/wrap": ("file", f'#!/bin/bash\nexec "$HOME/{secret}" "{H}/{secret}"\n'.encode()),
    }
    for found in (
        path_entries(host(tree, f"{H}/bin", executable=[f"{H}/{secret}"]), BASE),
        closure(["direct", "wrap"], host=host(tree, f"{H}/bin", executable=[f"{H}/{secret}"]), base=BASE),
    ):
        assert not [s for s in sources(found) if f"{H}/{secret}".startswith(s)]
        assert any(secret in note or secret.split("/")[0] in note for note in found.notes)


@pytest.mark.parametrize("entry", ["", ".", "bin", "./bin", "..", "~/bin"])
def test_relative_entries_of_path(entry):
    found = path_entries(host({f"{P}/bin/x": ELF}, entry), BASE)
    assert found.path == ("/usr/bin", "/bin")
    assert found.notes == ("relative entries of PATH are left out",)


@pytest.mark.parametrize(
    "entry",
    [
        f"{P}",
        f"{P}/bin",
        f"{P}/.venv/bin",
        f"{P}/node_modules/.bin",
        f"{H}/outside",
        f"{P}/elsewhere",
        f"{H}/secret/../project/bin",
        f"{P}/../project/bin",
    ],
)
def test_the_projects_own_folders_are_never_on_path(entry):
    tree = {
        f"{P}/bin/git": ELF,
        f"{P}/.venv/bin/python": ELF,
        f"{P}/node_modules/.bin/x": ELF,
        f"{H}/outside": f"link:{P}/bin",
        f"{P}/elsewhere": f"link:{H}/secret/bin",
    }
    found = toolchains(["git"], host=host(tree, entry), base=BASE)
    assert found.path == ("/usr/bin", "/bin")
    assert sources(found) == []
    assert found.missing == ("git",)
    assert len(found.notes) == 1


def test_the_repository_above_the_working_directory_is_the_project_too():
    tree = {f"{P}/.git": "dir", f"{P}/.venv/bin/git": ELF, f"{P}/src/deep": "dir"}
    assert path_entries(host(tree, f"{P}/.venv/bin", cwd=f"{P}/src/deep"), BASE).path == ("/usr/bin", "/bin")


def test_other_folders_that_the_box_may_write_are_the_projects():
    tree = {f"{H}/data/bin/git": ELF}
    open_folder = path_entries(host(tree, f"{H}/data/bin"), BASE, [P, f"{H}/data"])
    assert (open_folder.path, sources(open_folder)) == (("/usr/bin", "/bin"), [])
    assert path_entries(host(tree, f"{H}/data/bin"), BASE).path[0] == f"{H}/data/bin"


@pytest.mark.parametrize(
    ("above", "mode", "uid", "kept"),
    [("/data", 0o777, 1000, False), ("/data", 0o775, 1000, True), ("/data/x", 0o777, 1000, False), ("/data", 0o1777, 1000, True), ("/data", 0o1777, 1001, False), ("/data", 0o1777, 0, True)],
)  # fmt: skip
def test_folders_that_everybody_can_write(above, mode, uid, kept):
    tree = {
        above: Stat("dir", mode, 0, 0),
        "/data/x": Stat("dir", mode if above == "/data/x" else 0o755, uid, uid),
        "/data/x/tool": ELF,
    }
    found = path_entries(host(tree, "/data/x"), BASE)
    assert ("/data/x" in found.path, sources(found) == ["/data/x"]) == (kept, kept)


def test_a_link_that_others_could_have_made():
    tree = {"/shared": Stat("dir", 0o777), "/shared/link": f"link:{H}/tools", f"{H}/tools/x": ELF}
    assert path_entries(host(tree, "/shared/link"), BASE).path == ("/usr/bin", "/bin")
    assert path_entries(host({**tree, "/shared": Stat("dir", 0o755)}, "/shared/link"), BASE).path[0] == "/shared/link"


def test_a_program_that_leads_through_the_project_shows_nothing_beyond_it():
    """The box may write the project: a link there must not choose what the next box sees."""
    tree = {f"{H}/bin/tool": f"link:{P}/tool", f"{P}/tool": f"link:{H}/secret/bin/run", f"{H}/secret/lib/x": "file"}
    for found in (path_entries(host(tree, f"{H}/bin"), BASE), closure(["tool"], host=host(tree, f"{H}/bin"), base=BASE)):
        assert not [s for s in sources(found) if s.startswith(f"{H}/secret")]
    tree[f"{P}/tool"] = ELF
    assert sources(
        closure(["tool"], host=host({**tree, f"{H}/bin/tool": f"link:{H}/secret/bin/run"}, f"{H}/bin"), base=BASE)
    ) == [f"{H}/secret/bin/run"]


@pytest.mark.parametrize(
    "line",
    [
        f"#!{H}/secret/bin/run",
        f"#!/bin/bash\nexec {H}/secret/bin/run",
        f"#!/bin/bash\n'''exec' {H}/secret/bin/run x",
        f"#!/usr/bin/env {H}/secret/bin/run",
    ],
)
@pytest.mark.parametrize("name", ["./tool", f"{P}/tool"])
def test_a_script_of_the_project_shows_nothing(line, name):
    tree = {f"{P}/tool": ("file", line.encode())}
    found = closure([name], host=host(tree, "/usr/bin", executable=[f"{P}/tool"]), base=BASE)
    assert (sources(found), found.missing) == ([], ())


def test_the_same_script_outside_the_project_does():
    tree = {f"{H}/tools/tool": ("file", f"#!{H}/secret/bin/run".encode()), f"{H}/secret/lib/x": "file"}
    assert f"{H}/secret/bin/run" in sources(
        closure([f"{H}/tools/tool"], host=host(tree, "/usr/bin", executable=[f"{H}/tools/tool"]), base=BASE)
    )


@pytest.mark.parametrize(
    "target", [f"{H}/secret/bin/run", f"{H}/secret/bin/python3", f"{H}/.ssh/id_ed25519", f"{H}/.config/app/python"]
)
def test_an_environment_of_the_project_brings_a_real_python_and_nothing_else(target):
    tree = {
        target: ELF,
        f"{P}/.venv/pyvenv.cfg": ("file", f"home = {target.rpartition('/')[0]}\n".encode()),
        f"{P}/.venv/bin/python": f"link:{target}",
        f"{P}/.venv/bin/python3": f"link:{target}",
    }
    assert sources(path_entries(host(tree, f"{P}/.venv/bin", executable=[target]), BASE)) == []


def test_an_environment_of_the_project_brings_a_real_python():
    root = f"{H}/.pyenv/versions/3.12.1"
    tree = {
        f"{root}/bin/python3.12": ELF,
        f"{root}/lib/python3.12/os.py": "file",
        f"{P}/.venv/pyvenv.cfg": ("file", b""),
        f"{P}/.venv/bin/python": f"link:{root}/bin/python3.12",
    }
    assert sources(path_entries(host(tree, "/usr/bin"), BASE)) == [root]


@pytest.mark.parametrize(
    "version",
    ["../../../secret", "/home/user/secret", "..", ".", "3.12/../../..", "a b", "$(id)", "\x1b[31m", "x" * 500, "\0", "-rf"],
)
def test_a_version_file_of_the_project_names_no_path(version):
    root = f"{H}/.pyenv"
    tree = {
        f"{root}/shims/python3": ("file", b"#!/bin/bash\n"),
        f"{root}/versions/3.12/bin/python3": ELF,
        f"{H}/.pyenv/secret/bin/python3": ELF,
        f"{P}/.python-version": ("file", version.encode()),
    }
    found = closure(["python3"], host=host(tree, f"{root}/shims", executable=[f"{root}/shims/python3"]), base=BASE)
    assert found.missing == ()
    assert not [s for s in sources(found) if "secret" in s]
    assert not any("\x1b" in note or "\0" in note or ".." in note for note in found.notes)


@pytest.mark.parametrize(
    "text",
    [
        '[toolchain]\npath = "/home/user/secret"\n',
        '[toolchain]\nchannel = "../../../secret"\n',
        "../../secret",
        "/home/user/secret",
    ],
)
def test_a_rust_toolchain_of_the_project_names_no_path(text):
    tree = {f"{H}/.cargo/bin/rustup": ELF, f"{H}/.cargo/bin/cargo": "link:rustup", f"{H}/.rustup/settings.toml": ("file", b'default_toolchain = "stable-x86_64"\n'),
            f"{H}/.rustup/toolchains/stable-x86_64/bin/cargo": ELF, f"{P}/rust-toolchain.toml": ("file", text.encode()), f"{H}/secret/bin/cargo": ELF}  # fmt: skip
    assert sources(closure(["cargo"], host=host(tree, f"{H}/.cargo/bin"), base=BASE)) == [f"{H}/.rustup/toolchains/stable-x86_64"]


@pytest.mark.parametrize("line", ["nodejs ../../secret", "../../secret 1", "nodejs path:/home/user/secret", "nodejs ref:x"])
def test_tool_versions_of_the_project_name_no_path(line):
    root = f"{H}/.asdf"
    tree = {
        f"{root}/shims/node": ("file", b"#!/bin/bash\n"),
        f"{root}/installs/nodejs/22/bin/node": ELF,
        f"{root}/secret/bin/node": ELF,
        f"{P}/.tool-versions": ("file", line.encode()),
    }
    found = closure(["node"], host=host(tree, f"{root}/shims", executable=[f"{root}/shims/node"]), base=BASE)
    assert (sources(found), found.missing) == ([], ())
    tree[f"{P}/.tool-versions"] = ("file", b"nodejs 22")
    assert sources(closure(["node"], host=host(tree, f"{root}/shims", executable=[f"{root}/shims/node"]), base=BASE)) == [
        f"{root}/installs"
    ]


def test_tokens_beside_programs_are_masked():
    tree = {
        f"{H}/tools/x": ELF,
        f"{H}/tools/.env": "file",
        f"{H}/tools/.env.local": "file",
        f"{H}/tools/.git/config": "file",
        f"{H}/tools/.environment": "file",
    }
    assert [(m.dest, m.kind) for m in path_entries(host(tree, f"{H}/tools"), BASE).masks] == [
        (f"{H}/tools/.env", "file"),
        (f"{H}/tools/.env.local", "file"),
        (f"{H}/tools/.git", "dir"),
    ]


def test_loops_dangling_links_and_deep_paths_end():
    deep = "/opt/" + "/".join("d" * 100)
    chain = {f"{H}/l{n}": f"link:l{n + 1}" for n in range(60)}
    tree = {
        f"{H}/a": "link:b",
        f"{H}/b": "link:a",
        f"{H}/bin/x": "link:x",
        f"{H}/bin/y": "link:gone",
        f"{deep}/tool": ELF,
        **chain,
        f"{H}/l60/tool": ELF,
    }
    found = path_entries(host(tree, f"{H}/a:{H}/l0:{H}/l30:{deep}:{H}/bin"), BASE)
    assert found.path == (f"{H}/l30", f"{H}/bin", "/usr/bin", "/bin")
    assert closure(["x", "y", "tool"], host=host(tree, f"{H}/bin"), base=BASE).missing == ("x", "y", "tool")


def test_scripts_that_run_each_other_end():
    tree = {
        f"{H}/bin/a": ("file", f"#!{H}/bin/b\n".encode()),
        f"{H}/bin/b": ("file", f"#!{H}/bin/a\n".encode()),
        f"{H}/bin/c": ("file", b"#!/bin/bash\nexec c\n"),
    }
    assert sources(closure(["a", "c"], host=host(tree, f"{H}/bin"), base=BASE)) == [f"{H}/bin/a", f"{H}/bin/b", f"{H}/bin/c"]


class Counting(Facts):
    asked = 0

    def lstat(self, path):
        self.asked += 1
        return super().lstat(path)

    def read(self, path, limit=65536, offset=0):
        self.asked += 1
        assert limit <= 4096
        return super().read(path, limit, offset)


def test_work_is_bounded():
    tree = {
        **SYSTEM,
        **{f"/opt/f{n}/tool{m}": ("file", f"#!/opt/f{n}/tool{m + 1}\n".encode() * 200) for n in range(40) for m in range(300)},
    }
    machine = Counting(tree, env={"PATH": ":".join(f"/opt/f{n}" for n in range(40))})
    for place, what in tree.items():
        if isinstance(what, tuple):
            machine._tree[place] = Stat("file", 0o755, 0, 0, 10)
    before = machine.asked
    found = path_entries(machine, BASE)
    assert machine.asked - before < 3 * 4000
    assert len(found.path) == 40
    assert any("some may miss" in note for note in found.notes)
    assert len(found.binds) <= 48


def test_a_folder_too_big_to_list_is_shown_and_not_followed():
    tree = {"/opt/huge": Stat("dir", 0o755, 0, 0, 5 << 20), "/opt/huge/tool": f"link:{H}/secret/bin/run"}
    assert sources(path_entries(host(tree, "/opt/huge"), BASE)) == ["/opt/huge"]


def test_no_more_than_48_places():
    tree = (
        {f"/opt/t{n}/app/x": ELF for n in range(60)}
        | {f"/opt/t{n}/app/y": "file" for n in range(60)}
        | {f"{H}/bin/x{n}": f"link:/opt/t{n}/app/x" for n in range(60)}
    )
    facts = host(tree, f"{H}/bin", executable=[f"/opt/t{n}/app/x" for n in range(60)])
    found = path_entries(facts, BASE)
    assert len(found.binds) == 48
    assert any("48 places" in note for note in found.notes)
