"""What is read from a program's first bytes, and how version managers choose."""

import struct

import pytest

from inner.facts import Facts
from inner.host import Stat
from inner.plan.closure import closure, path_entries, toolchains
from inner.plan.closure.elf import Needs, needs
from inner.plan.closure.managers import pick
from inner.plan.closure.walk import Walk

H = "/home/user"
ELF = ("file", b"\x7fELF\x02\x01\x01" + b"\0" * 57)
BASE = ("/usr",)
SYSTEM = {
    "/usr/bin/env": ELF,
    "/usr/bin/bash": ELF,
    "/usr/bin/sh": "link:bash",
    "/usr/bin/python3": "link:python3.11",
    "/usr/bin/python3.11": ELF,
    "/bin": "link:usr/bin",
    f"{H}/project": "dir",
}


def host(tree, path="", *, executable=(), env=None, **rest):
    facts = Facts({**SYSTEM, **tree}, env={"PATH": f"{path}:/usr/bin:/bin".lstrip(":"), **(env or {})}, **rest)
    for place in executable:
        facts._tree[place] = Stat("file", 0o755, 1000, 1000, 10)
    return facts


def sources(found):
    return [b.src for b in found.binds]


def script(text):
    return ("file", text.encode())


# --- ELF ------------------------------------------------------------------------------------------------------------------


def elf(*, wide=True, order="<", interpreter="/lib64/ld-linux-x86-64.so.2", needed=("libfoo.so.1",), search="", tag=29):
    """A file with what the loader reads: program headers, interpreter, dynamic section, strings, at 0x400000."""
    strings = b"\0" + b"".join(name.encode() + b"\0" for name in needed) + search.encode() + b"\0"
    at, offsets = 1, []
    for name in needed:
        offsets.append(at)
        at += len(name) + 1
    header, size = (64, 56) if wide else (52, 32)
    text = interpreter.encode() + b"\0" if interpreter else b""
    count = 2 + bool(interpreter)
    text_at = header + size * count
    dynamic_at = (text_at + len(text) + 15) // 16 * 16
    address = 0x400000
    entries = [(1, o) for o in offsets] + ([(tag, at)] if search else [])
    entries += [(5, 0), (10, len(strings)), (0, 0)]
    strings_at = dynamic_at + len(entries) * (16 if wide else 8)
    entries = [(t, address + strings_at if t == 5 else v) for t, v in entries]
    dynamic = b"".join(struct.pack(order + ("qQ" if wide else "iI"), t, v) for t, v in entries)
    total = strings_at + len(strings)

    def segment(kind, offset, length):
        if wide:
            return struct.pack(order + "IIQQQQQQ", kind, 4, offset, address + offset, address + offset, length, length, 1)
        return struct.pack(order + "IIIIIIII", kind, offset, address + offset, address + offset, length, length, 4, 1)

    headers = segment(1, 0, total) + segment(2, dynamic_at, len(dynamic))
    if interpreter:
        headers = segment(3, text_at, len(text)) + headers
    ident = b"\x7fELF" + bytes([2 if wide else 1, 1 if order == "<" else 2, 1]) + b"\0" * 9
    word = "Q" if wide else "I"
    ident += struct.pack(order + "HHI" + word * 3 + "IHHHHHH", 3, 62, 1, 0, header, 0, 0, header, size, count, 0, 0, 0)
    body = ident + headers + text
    return body + b"\0" * (dynamic_at - len(body)) + dynamic + strings


def parse(data, head=4096):
    return needs(lambda limit, offset: data[offset : offset + limit], data[:head])


@pytest.mark.parametrize("wide", [True, False])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("tag", [15, 29])
def test_elf(wide, order, tag):
    data = elf(wide=wide, order=order, needed=("liba.so", "libb.so.2"), search="$ORIGIN/../lib:/opt/x", tag=tag)
    expected = Needs("/lib64/ld-linux-x86-64.so.2", ("liba.so", "libb.so.2"), ("$ORIGIN/../lib", "/opt/x"), 64 if wide else 32)
    assert parse(data) == expected
    assert parse(data, 64) == expected  # all but the header beyond what was read first


def test_elf_whose_libraries_are_the_loaders_business():
    assert parse(elf()) == Needs("/lib64/ld-linux-x86-64.so.2")
    assert parse(elf(interpreter="", needed=())) == Needs()


def test_no_elf():
    assert parse(b"#!/bin/sh\n" * 20) is None
    assert parse(b"\x7fELF") is None


def test_elf_cut_anywhere_or_with_any_byte_changed_does_not_raise():
    data = elf(search="$ORIGIN/lib")
    for end in range(len(data)):
        parse(data[:end])
    for at in range(len(data)):
        for value in (0, 0x7F, 0xFF):
            parse(data[:at] + bytes([value]) + data[at + 1 :])


def test_a_binary_brings_its_libraries_and_its_loader():
    tree = {f"{H}/app/bin/tool": ("file", elf(search="$ORIGIN/../private/lib")), f"{H}/app/private/lib/libfoo.so.1": "link:libfoo.so.1.2", f"{H}/app/private/lib/libfoo.so.1.2": ELF,
            f"{H}/app/private/secret": "file", "/usr/lib64/ld-linux-x86-64.so.2": ELF, "/lib64": "link:usr/lib64"}  # fmt: skip
    found = closure(["tool"], host=host(tree, f"{H}/app/bin"), base=BASE)
    assert sources(found) == [f"{H}/app/bin/tool", f"{H}/app/private/lib"]
    assert (found.links, found.notes) == ((), ())


def test_a_binary_for_another_libc_or_of_32_bits_is_said_to_be_one():
    tree = {
        f"{H}/bin/musl": ("file", elf(interpreter="/lib/ld-musl-x86_64.so.1")),
        f"{H}/bin/old": ("file", elf(wide=False, interpreter="")),
    }
    notes = closure(["musl", "old"], host=host(tree, f"{H}/bin"), base=BASE).notes
    assert notes == (
        f"`{H}/bin/musl` needs `/lib/ld-musl-x86_64.so.1`, which this machine does not have",
        f"`{H}/bin/old` is a 32-bit program, which the box's system call filter may refuse",
    )


# --- scripts --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [f"#!{H}/lang/1/bin/lang", f"#! {H}/lang/1/bin/lang -x", "#!/usr/bin/env lang", "#!/usr/bin/env -S lang --flag", "#!/usr/bin/env -Slang --flag", "#!/usr/bin/env -S -i A=1 lang", "#!/usr/bin/env -S -u X lang",
     "#!/usr/bin/env -S 'lang' x", f"#!/bin/sh\n'''exec' \"{H}/lang/1/bin/lang\" \"$0\" \"$@\"\n' '''", f"#!/bin/sh\n'''exec' {H}/lang/1/bin/lang \"$0\"", f"#!/bin/sh\nexec {H}/lang/1/bin/lang x",
     "#!/bin/bash\nexec lang \"$@\"\n", '#!/bin/sh\nexec "$HOME/lang/1/bin/lang"', '#!/bin/sh\nexec "${HOME}"/lang/1/bin/lang', "#!/bin/sh\n~/lang/1/bin/lang\n", 'exec "$HOME/lang/1/bin/lang"\n',
     '#!/bin/sh\nROOT="/home/user/lang/1"\nexec "$ROOT/bin/lang"\n', "#!/bin/sh\nexport ROOT=/home/user/lang/1\nexec ${ROOT}/bin/lang\n",
     '#!/bin/sh\nHERE="$(cd "$(dirname "$0")" && pwd)"\n"$(dirname "$0")/../lang/1/bin/lang"\n', '#!/bin/bash\nexec "${0%/*}/../lang/1/bin/lang"\n', '#!/bin/sh\nbasedir=x\nexec "$basedir/../lang/1/bin/lang"'],
)  # fmt: skip
def test_forms_of_a_script(text):
    tree = {f"{H}/bin/tool": script(text), f"{H}/lang/1/bin/lang": ELF, f"{H}/lang/1/lib/x": "file"}
    found = closure(["tool"], host=host(tree, f"{H}/bin:{H}/lang/1/bin"), base=BASE)
    assert sources(found) == [f"{H}/bin/tool", f"{H}/lang/1"]


def test_an_interpreter_that_is_not_there():
    tree = {f"{H}/bin/a": script(f"#!{H}/gone/python\n"), f"{H}/bin/b": script("#!/usr/bin/env gone\n")}
    notes = closure(["a", "b"], host=host(tree, f"{H}/bin"), base=BASE).notes
    assert notes == (
        f"`{H}/bin/a` starts with `{H}/gone/python`, which does not exist",
        f"`{H}/bin/b` is run by `gone`, which is not on PATH",
    )


def test_an_application_in_its_own_folder_and_words_that_are_no_programs():
    tree = {
        f"{H}/bin/tool": script(f"#!/bin/sh\ncat {H}/notes.txt {H}/papers\njava -jar {H}/opt/app/app.jar\n"),
        f"{H}/notes.txt": Stat("file", 0o644, 1000, 1000),
        f"{H}/papers/x": "file",
        f"{H}/opt/app/app.jar": "file",
        f"{H}/opt/app/lib": "dir",
    }
    assert sources(closure(["tool"], host=host(tree, f"{H}/bin"), base=BASE)) == [f"{H}/bin/tool", f"{H}/opt/app"]


def test_unreadable_and_empty_files_are_shown_all_the_same():
    tree = {f"{H}/bin/locked": Stat("file", 0o711, 1000, 1000, 5), f"{H}/bin/empty": script("")}
    assert sources(closure(["locked", "empty"], host=host(tree, f"{H}/bin"), base=BASE)) == [f"{H}/bin/empty", f"{H}/bin/locked"]


# --- the whole ------------------------------------------------------------------------------------------------------------


def test_a_program_of_the_system_needs_nothing():
    found = closure(["bash", "/bin/sh", "env"], host=host({}), base=BASE)
    assert found == closure([], host=host({}), base=BASE)


def test_what_the_box_shows_anyhow_is_not_mounted_again():
    tree = {f"{H}/bin/tool": script("#!/bin/sh\n"), f"{H}/link": "link:bin"}
    for base in (("/usr", H), ("/",), ("/usr", f"{H}/bin")):
        found = path_entries(host(tree, f"{H}/bin"), base)
        assert (found.binds, found.path[0]) == ((), f"{H}/bin")
    assert path_entries(host(tree, f"{H}/link"), ("/usr", H)).links == ()


def test_the_order_of_path_is_the_hosts():
    tree = {f"{H}/bin/a": ELF, "/opt/x/b": ELF, f"{H}/z/bin/lang": ELF}
    assert path_entries(host(tree, f"/usr/bin:{H}/bin:/opt/x:{H}/gone:{H}/bin/"), BASE).path == (
        "/usr/bin",
        f"{H}/bin",
        "/opt/x",
        "/bin",
    )
    assert closure(["b", "a"], host=host(tree, f"{H}/bin:/opt/x", executable=["/opt/x/b"]), base=BASE).path == (
        f"{H}/bin",
        "/opt/x",
    )


def test_a_home_that_is_a_link():
    tree = {H: "link:/data/user", "/data/user/project": "dir", "/data/user/.local/bin/tool": ELF, "/data/user/.ssh/x": "file"}
    facts = Facts(
        {k: v for k, v in {**SYSTEM, **tree}.items() if not k.startswith(f"{H}/")},
        env={"PATH": f"{H}/.local/bin:{H}/.ssh:/usr/bin"},
    )
    found = path_entries(facts, BASE)
    assert sources(found) == ["/data/user/.local/bin"]
    assert [(s.dest, s.target) for s in found.links] == [(H, "/data/user")]
    assert found.path == (f"{H}/.local/bin", "/usr/bin")


def test_windows_and_variables():
    tree = {"/mnt/c/Windows/System32/cmd.exe": ELF, "/opt/jdk/bin/java": ELF, "/opt/jdk/lib/x": "file", f"{H}/sdk/x": "file"}
    env = {
        "JAVA_HOME": "/opt/jdk",
        "ANDROID_HOME": f"{H}/sdk",
        "GOROOT": f"{H}/.ssh",
        "DOTNET_ROOT": "relative",
        "VIRTUAL_ENV": f"{H}/gone",
    }
    found = path_entries(host({**tree, f"{H}/.ssh/x": "file"}, "/mnt/c/Windows/System32", env=env), BASE)
    assert sources(found) == [f"{H}/sdk", "/opt/jdk"]
    assert found.env == ("JAVA_HOME", "ANDROID_HOME")
    assert found.path == ("/usr/bin", "/bin")


def test_a_name_found_on_a_kept_folder_needs_no_shim():
    root = f"{H}/.pyenv"
    tree = {
        f"{root}/shims/python3": script("#!/usr/bin/env bash\n"),
        f"{root}/libexec/pyenv": script("#!/bin/sh\n"),
        f"{root}/versions/3.12/bin/python3": ELF,
        f"{root}/version": script("3.12\n"),
    }
    found = toolchains(["python3"], host=host(tree, f"{root}/shims"), base=BASE)
    assert (sources(found), found.path) == ([root], (f"{root}/shims", "/usr/bin", "/bin"))


# --- version managers -----------------------------------------------------------------------------------------------------


def pyenv(files, **rest):
    root = f"{H}/.pyenv"
    tree = {f"{root}/shims/python": script("#!/bin/bash\n"), f"{H}/other/python": ELF}
    tree |= {f"{root}/versions/{v}/bin/python": ELF for v in ("3.9.1", "3.11.2", "3.11.10", "3.12.0", "venv-x")}
    tree |= {f"{root}/versions/{v}/lib/python3/os.py": "file" for v in ("3.9.1", "3.11.2", "3.11.10", "3.12.0", "venv-x")}
    return closure(
        ["python"],
        host=host(
            {**tree, **{k: script(v) for k, v in files.items()}},
            f"{root}/shims:{H}/other",
            executable=[f"{H}/other/python", f"{root}/shims/python"],
            **rest,
        ),
        base=BASE,
    )


@pytest.mark.parametrize(
    ("files", "env", "chosen"),
    [({}, {}, "system"), ({f"{H}/.pyenv/version": "3.9.1\n"}, {}, "3.9.1"), ({f"{H}/.pyenv/version": "3.9.1\n", f"{H}/project/.python-version": "3.12.0"}, {}, "3.12.0"),
     ({f"{H}/.python-version": "3.11.2"}, {}, "3.11.2"), ({f"{H}/.python-version": "3.11.2", f"{H}/project/.python-version": "3.11"}, {}, "3.11.10"), ({f"{H}/.pyenv/version": "3.9.1"}, {"PYENV_VERSION": "venv-x:3.9.1"}, "venv-x"),
     ({f"{H}/.pyenv/version": "# mine\n3 # newest\n"}, {}, "3.12.0"), ({f"{H}/.pyenv/version": "2.7.18 3.9.1\n"}, {}, "3.9.1"), ({f"{H}/.pyenv/version": "system 3.9.1\n"}, {}, "system"),
     ({f"{H}/.pyenv/version": "python-3.9.1\n"}, {}, "3.9.1"), ({f"{H}/.pyenv/version": "2.7.18\n"}, {}, "")],
)  # fmt: skip
def test_the_version_that_pyenv_would_choose(files, env, chosen):
    found = pyenv(files, env=env)
    expected = {"system": [f"{H}/other/python"], "": []}.get(chosen, [f"{H}/.pyenv/versions/{chosen}"])
    assert sources(found) == expected
    assert bool(found.notes) == (chosen == "" or "2.7.18" in str(files))


def test_versions_are_ordered_as_numbers():
    walk = Walk(host({f"{H}/v/{v}": "dir" for v in ("1.9.9", "1.10.0", "1.10.0-rc1", "v2.0.0", "20.1.1", ".hidden")}), BASE, None)
    assert pick(walk, f"{H}/v", "1") == "1.10.0"
    assert pick(walk, f"{H}/v", "1.9") == "1.9.9"
    assert pick(walk, f"{H}/v", "2.0.0", "v") == "v2.0.0"
    assert pick(walk, f"{H}/v", "2", "v") == "v2.0.0"
    assert pick(walk, f"{H}/v", "latest") == "20.1.1"
    assert pick(walk, f"{H}/v", "3") == ""


@pytest.mark.parametrize(
    ("files", "env", "chosen"),
    [({}, {}, "stable"), ({}, {"RUSTUP_TOOLCHAIN": "nightly"}, "nightly"), ({"project/rust-toolchain": "nightly\n"}, {}, "nightly"), ({"project/rust-toolchain.toml": '[toolchain]\n# x\nchannel = "1.79" # y\n'}, {}, "1.79"),
     ({"rust-toolchain": "nightly", "project/rust-toolchain": "1.79"}, {}, "1.79"), ({"project/rust-toolchain": "beta"}, {}, ""), ({}, {"RUSTUP_TOOLCHAIN": "/home/user/x"}, "stable")],
)  # fmt: skip
@pytest.mark.parametrize("proxy", ["link:rustup", "hard link"])
def test_the_toolchain_that_rustup_would_choose(files, env, chosen, proxy):
    home = f"{H}/.rustup"
    tree = {
        f"{H}/.cargo/bin/rustup": ELF,
        f"{H}/.cargo/bin/cargo": proxy if proxy.startswith("link") else ELF,
        f"{home}/settings.toml": script('default_toolchain = "stable-x86_64-unknown-linux-gnu"\n[overrides]\n'),
    }
    tree |= {
        f"{home}/toolchains/{t}-x86_64-unknown-linux-gnu/bin/cargo": ELF
        for t in ("stable", "nightly", "nightly-2024-01-01", "1.79")
    }
    facts = host({**tree, **{f"{H}/{k}": script(v) for k, v in files.items()}}, f"{H}/.cargo/bin", env=env)
    if proxy == "hard link":
        for name in ("rustup", "cargo"):
            facts._tree[f"{H}/.cargo/bin/{name}"] = Stat("file", 0o755, 1000, 1000, 9, 8, 7)
    found = closure(["cargo"], host=facts, base=BASE)
    assert sources(found) == ([f"{home}/toolchains/{chosen}-x86_64-unknown-linux-gnu"] if chosen else [])
    assert bool(found.notes) == (not chosen)


def test_an_override_for_a_folder_above_the_project():
    home = f"{H}/.rustup"
    tree = {f"{H}/.cargo/bin/rustup": ELF, f"{H}/.cargo/bin/cargo": "link:rustup", f"{home}/toolchains/a-x/bin/cargo": ELF, f"{home}/toolchains/b-x/bin/cargo": ELF,
            f"{home}/settings.toml": script(f'default_toolchain = "a-x"\n[overrides]\n"{H}" = "b-x"\n')}  # fmt: skip
    assert sources(closure(["cargo"], host=host(tree, f"{H}/.cargo/bin"), base=BASE)) == [f"{home}/toolchains/b-x"]


def test_what_is_wrong_with_programs_nobody_asked_for_is_not_said_at_every_start():
    tree = {
        f"{H}/bin/stale": script(f"#!{H}/gone/python\n"),
        f"{H}/bin/old": ("file", elf(wide=False)),
        f"{H}/bin/dangling": "link:/gone",
        f"{H}/bin/fine": ELF,
    }
    assert path_entries(host(tree, f"{H}/bin"), BASE).notes == ()
    assert toolchains(["fine"], host=host(tree, f"{H}/bin"), base=BASE).notes == ()
    assert len(toolchains(["stale"], host=host(tree, f"{H}/bin"), base=BASE).notes) == 1


def test_the_libraries_beside_a_folder_of_path():
    tree = {
        f"{H}/.local/bin/tool": ("file", elf(search="$ORIGIN/../lib")),
        f"{H}/.local/lib/libfoo.so.1": ELF,
        "/opt/other/libbar.so": ELF,
        f"{H}/.local/bin/bar": ("file", elf(needed=("libbar.so",), search="/opt/other")),
    }
    assert sources(path_entries(host(tree, f"{H}/.local/bin"), BASE)) == [f"{H}/.local/bin", f"{H}/.local/lib"]
    assert sources(toolchains(["bar"], host=host(tree, f"{H}/.local/bin"), base=BASE)) == [
        f"{H}/.local/bin",
        f"{H}/.local/lib",
        "/opt/other/libbar.so",
    ]
