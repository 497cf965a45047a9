"""Homes as version managers and installers leave them, written down from their sources: a tree, a PATH, names to start."""

from inner.facts import Facts
from inner.host import Stat

H = "/home/user"
ELF = b"\x7fELF\x02\x01\x01" + b"\0" * 57  # no program headers: a static program
SYSTEM = {
    "/bin": "link:usr/bin", "/usr/bin/env": ("file", ELF), "/usr/bin/bash": ("file", ELF), "/usr/bin/sh": "link:bash", "/usr/bin/python3": "link:python3.11",
    "/usr/bin/python3.11": ("file", ELF), "/usr/bin/git": ("file", ELF), "/usr/bin/node": ("file", ELF), "/usr/bin/ruby": ("file", ELF), "/usr/local/bin": "dir",
    f"{H}/project": "dir",
}  # fmt: skip
SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"


def program(content=ELF):
    return ("file", content)


def script(line, rest=b""):
    return ("file", b"#!" + line.encode() + b"\n" + rest)


def pinned(content):
    return ("file", content)


def layout(tree, path, names=(), env=None, **rest):
    facts = Facts(
        {**SYSTEM, **tree}, env={"HOME": H, "PATH": f"{path}:{SYSTEM_PATH}" if path else SYSTEM_PATH, **(env or {})}, **rest
    )
    # Facts gives execute bits below bin only: programs in other folders get theirs here.
    for place, what in tree.items():
        if isinstance(what, tuple) and what[1][:4] in (b"\x7fELF", b"#!/u", b"#!/b", b"#!/h"):
            facts._tree[place] = Stat("file", 0o755, facts.uid, facts.uid, len(what[1]))
    return facts, names


NODE = f"{H}/.nvm/versions/node/v22.1.0"
node_prefix = {
    f"{NODE}/bin/node": program(), f"{NODE}/bin/npm": "link:../lib/node_modules/npm/bin/npm-cli.js", f"{NODE}/lib/node_modules/npm/bin/npm-cli.js": script("/usr/bin/env node"),
    f"{NODE}/bin/gemini": "link:../lib/node_modules/@google/gemini-cli/dist/index.js", f"{NODE}/lib/node_modules/@google/gemini-cli/dist/index.js": script("/usr/bin/env node"),
    f"{NODE}/include/node/node.h": "file", f"{NODE}/etc/npmrc": pinned(b"//registry/:_authToken=x"),
}  # fmt: skip


def nvm():
    return layout(node_prefix, f"{NODE}/bin", ("gemini",))


def fnm():
    install = f"{H}/.local/share/fnm/node-versions/v22.1.0/installation"
    tree = {f"{install}/bin/node": program(), f"{install}/lib/node_modules/npm/bin/npm-cli.js": script("/usr/bin/env node"), f"{install}/bin/npm": "link:../lib/node_modules/npm/bin/npm-cli.js",
            f"{H}/.local/share/fnm/aliases/default": "link:../node-versions/v22.1.0/installation", "/run/user/1000/fnm_multishells/12_34": f"link:{install}"}  # fmt: skip
    return layout(tree, "/run/user/1000/fnm_multishells/12_34/bin", ("node",))


def volta():
    root = f"{H}/.volta"
    tree = {
        f"{root}/bin/volta-shim": program(), f"{root}/bin/node": "link:volta-shim", f"{root}/bin/tsc": "link:volta-shim", f"{root}/bin/volta": program(),
        f"{root}/tools/user/platform.json": pinned(b'{\n  "node": {\n    "runtime": "22.1.0",\n    "npm": null\n  },\n  "pnpm": null,\n  "yarn": "1.22.22"\n}'),
        f"{root}/tools/image/node/22.1.0/bin/node": program(), f"{root}/tools/image/node/20.0.0/bin/node": program(), f"{root}/tools/image/yarn/1.22.22/bin/yarn": program(),
        f"{root}/tools/image/packages/typescript/bin/tsc": "link:../lib/node_modules/typescript/bin/tsc", f"{root}/tools/image/packages/typescript/lib/node_modules/typescript/bin/tsc": script("/usr/bin/env node"),
        f"{root}/tools/image/packages/@scope/tool/bin/tool": program(),
    }  # fmt: skip
    return layout(tree, f"{root}/bin", ("tsc", "node"))


def n_prefix():
    root = f"{H}/n"
    tree = {f"{root}/bin/node": program(), f"{root}/lib/node_modules/npm/bin/npm-cli.js": script("/usr/bin/env node"), f"{root}/bin/npm": "link:../lib/node_modules/npm/bin/npm-cli.js",
            f"{root}/n/versions/node/22.1.0/bin/node": program()}  # fmt: skip
    return layout(tree, f"{root}/bin", ("node",), env={"N_PREFIX": root})


def pnpm():
    root = f"{H}/.local/share/pnpm"
    shim = b'basedir=$(dirname "$(echo "$0" | sed -e \'s,\\\\,/,g\')")\nexec node "$basedir/global/5/node_modules/@openai/codex/bin/codex.js" "$@"\n'
    tree = {f"{root}/codex": script("/bin/sh", shim), f"{root}/global/5/node_modules/@openai/codex": "link:../../.pnpm/@openai+codex@1.0.0/node_modules/@openai/codex",
            f"{root}/global/5/.pnpm/@openai+codex@1.0.0/node_modules/@openai/codex/bin/codex.js": script("/usr/bin/env node")}  # fmt: skip
    return layout(tree, root, ("codex",), env={"PNPM_HOME": root})


def bun():
    tree = {f"{H}/.bun/bin/bun": program(), f"{H}/.bun/bin/bunx": "link:./bun", f"{H}/.bun/bin/gemini": "link:../install/global/node_modules/@google/gemini-cli/dist/index.js",
            f"{H}/.bun/install/global/node_modules/@google/gemini-cli/dist/index.js": script("/usr/bin/env node"), f"{H}/.bunfig.toml": "file"}  # fmt: skip
    return layout(tree, f"{H}/.bun/bin", ("gemini",), env={"BUN_INSTALL": f"{H}/.bun"})


def npm_prefix():
    root = f"{H}/.npm-global"
    tree = {f"{root}/bin/claude": "link:../lib/node_modules/@anthropic-ai/claude-code/cli.js", f"{root}/lib/node_modules/@anthropic-ai/claude-code/cli.js": script("/usr/bin/env node"),
            f"{H}/.npmrc": pinned(b"prefix=/home/user/.npm-global\n//registry/:_authToken=x")}  # fmt: skip
    return layout(tree, f"{root}/bin", ("claude",))


def yarn_global():
    modules = f"{H}/.config/yarn/global/node_modules"
    tree = {
        f"{H}/.yarn/bin/eslint": f"link:{modules}/.bin/eslint",
        f"{modules}/.bin/eslint": "link:../eslint/bin/eslint.js",
        f"{modules}/eslint/bin/eslint.js": script("/usr/bin/env node"),
    }
    return layout(tree, f"{H}/.yarn/bin:{modules}/.bin", ("eslint",))


def claude_native():
    tree = {
        f"{H}/.local/bin/claude": "link:../share/claude/versions/2.1.0",
        f"{H}/.local/share/claude/versions/2.1.0": program(),
        f"{H}/.local/share/claude/versions/2.0.9": program(),
    }
    return layout(tree, f"{H}/.local/bin", ("claude",))


def pipx():
    venv = f"{H}/.local/share/pipx/venvs/aider-chat"
    tree = {f"{H}/.local/bin/aider": f"link:{venv}/bin/aider", f"{venv}/bin/aider": script(f"{venv}/bin/python"), f"{venv}/bin/python": "link:/usr/bin/python3",
            f"{venv}/pyvenv.cfg": pinned(b"home = /usr/bin\n"), f"{H}/.local/share/pipx/venvs/black/pyvenv.cfg": pinned(b"home = /usr/bin\n")}  # fmt: skip
    return layout(tree, f"{H}/.local/bin", ("aider",))


UV_PYTHON = f"{H}/.local/share/uv/python"
uv_python = {
    f"{UV_PYTHON}/cpython-3.12.7-linux-x86_64-gnu/bin/python3.12": program(), f"{UV_PYTHON}/cpython-3.12.7-linux-x86_64-gnu/lib/python3.12/os.py": "file",
    f"{UV_PYTHON}/cpython-3.12.7-linux-x86_64-gnu/bin/python3": "link:python3.12", f"{UV_PYTHON}/cpython-3.12-linux-x86_64-gnu": "link:cpython-3.12.7-linux-x86_64-gnu",
}  # fmt: skip


def uv_tool():
    tool = f"{H}/.local/share/uv/tools/vibe"
    home = f"{UV_PYTHON}/cpython-3.12-linux-x86_64-gnu/bin"
    tree = {**uv_python, f"{H}/.local/bin/vibe": f"link:{tool}/bin/vibe", f"{H}/.local/bin/uv": program(), f"{tool}/bin/vibe": script(f"{tool}/bin/python"), f"{tool}/bin/python": f"link:{home}/python3.12",
            f"{tool}/pyvenv.cfg": pinned(f"home = {home}\nuv = 0.5\n".encode()), f"{H}/.local/share/uv/credentials/x": "file"}  # fmt: skip
    return layout(tree, f"{H}/.local/bin", ("vibe",))


def uv_project():
    """The environment is the project's own; its Python is not."""
    tree = {
        **uv_python,
        f"{H}/project/.venv/bin/python": f"link:{UV_PYTHON}/cpython-3.12.7-linux-x86_64-gnu/bin/python3.12",
        f"{H}/project/.venv/pyvenv.cfg": pinned(b"home = /nowhere\n"),
    }
    return layout(tree, f"{H}/project/.venv/bin", ("python3",))


def pip_user():
    tree = {
        f"{H}/.local/bin/http": script("/usr/bin/python3"),
        f"{H}/.local/lib/python3.11/site-packages/httpie/__init__.py": "file",
        f"{H}/.local/lib/python3.12/site-packages/other": "file",
    }
    return layout(tree, f"{H}/.local/bin", ("http",))


PYENV = f"{H}/.pyenv"
pyenv_tree = {
    f"{PYENV}/shims/python3": script("/usr/bin/env bash", b"exec pyenv"), f"{PYENV}/shims/python3.11": script("/usr/bin/env bash", b"exec pyenv"), f"{PYENV}/bin/pyenv": "link:../libexec/pyenv",
    f"{PYENV}/libexec/pyenv": script("/usr/bin/env bash"), f"{PYENV}/version": pinned(b"3.12\n3.11.7\n"), f"{PYENV}/.git/config": "file",
    f"{PYENV}/versions/3.11.7/bin/python3": program(), f"{PYENV}/versions/3.11.7/bin/python3.11": program(), f"{PYENV}/versions/3.11.7/lib/python3.11/os.py": "file",
    f"{PYENV}/versions/3.12.1/bin/python3": program(), f"{PYENV}/versions/3.12.1/lib/python3.12/os.py": "file", f"{PYENV}/versions/3.12.10/bin/python3": program(),
    f"{PYENV}/versions/3.12.10/lib/python3.12/os.py": "file",
}  # fmt: skip


def pyenv():
    return layout(pyenv_tree, f"{PYENV}/shims:{PYENV}/bin", ("python3", "python3.11"))


def rbenv():
    root = f"{H}/.rbenv"
    tree = {f"{root}/shims/ruby": script("/usr/bin/env bash"), f"{root}/libexec/rbenv": script("/usr/bin/env bash"), f"{root}/versions/3.3.0/bin/ruby": program(),
            f"{root}/versions/3.3.0/lib/ruby/x.rb": "file", f"{root}/version": pinned(b"3.1.0\n"), f"{H}/project/.ruby-version": pinned(b"ruby-3.3.0\n")}  # fmt: skip
    return layout(tree, f"{root}/shims", ("ruby",))


def jenv():
    root = f"{H}/.jenv"
    jdk = "/opt/jdk-21"
    tree = {f"{root}/shims/java": script("/usr/bin/env bash"), f"{root}/libexec/jenv": script("/usr/bin/env bash"), f"{root}/versions/21": f"link:{jdk}", f"{root}/version": pinned(b"21\n"),
            f"{jdk}/bin/java": program(), f"{jdk}/lib/modules": "file", f"{jdk}/release": "file"}  # fmt: skip
    return layout(tree, f"{root}/shims", ("java",))


def conda():
    root = f"{H}/miniconda3"
    tree = {f"{root}/conda-meta/history": "file", f"{root}/bin/python": program(), f"{root}/bin/conda": script(f"{root}/bin/python"), f"{root}/condabin/conda": script(f"{root}/bin/python"),
            f"{root}/lib/python3.12/os.py": "file", f"{root}/.condarc": pinned(b"channels: [https://user:token@host]")}  # fmt: skip
    return layout(tree, f"{root}/bin:{root}/condabin", ("conda",))


def mise_shims():
    root = f"{H}/.local/share/mise"
    config = b'[settings]\nnode = "1"\n[tools]\nnode = "22"\n"npm:@google/gemini-cli" = "latest" # agent\nruff = { version = "0.8.0" }\npython = ["3.12.1", "3.11.7"]\n'
    tree = {f"{H}/.local/bin/mise": program(), f"{root}/shims/node": "link:../../../bin/mise", f"{root}/shims/gemini": "link:../../../bin/mise", f"{H}/.config/mise/config.toml": pinned(config),
            f"{root}/installs/node/22.1.0/bin/node": program(), f"{root}/installs/node/20.1.0/bin/node": program(), f"{root}/installs/npm-google-gemini-cli/0.9.0/bin/gemini": program(),
            f"{root}/installs/ruff/0.8.0/ruff": program(), f"{root}/installs/python/3.12.1/bin/python3": program(), f"{root}/installs/python/3.11.7/bin/python3": program()}  # fmt: skip
    return layout(tree, f"{root}/shims:{H}/.local/bin", ("gemini",))


def mise_activated():
    root = f"{H}/.local/share/mise/installs"
    tree = {f"{root}/node/22.1.0/bin/node": program(), f"{root}/node/22": "link:./22.1.0", f"{root}/go/1.23.0/bin/go": program()}
    return layout(tree, f"{root}/node/22/bin:{root}/go/1.23.0/bin", ("node",))


def asdf():
    root = f"{H}/.asdf"
    tree = {f"{root}/shims/node": script("/usr/bin/env bash", b"# asdf-plugin: nodejs 20.0.0\n# asdf-plugin: nodejs 22.1.0\nexec asdf exec node\n"), f"{root}/shims/go": script("/usr/bin/env bash", b"# asdf-plugin: golang 1.23\n"),
            f"{H}/.tool-versions": pinned(b"golang 1.23 # for work\nnodejs 20.0.0\n"), f"{H}/project/.tool-versions": pinned(b"nodejs 22.1.0 system\n"),
            f"{root}/installs/nodejs/20.0.0/bin/node": program(), f"{root}/installs/nodejs/22.1.0/bin/node": program(), f"{root}/installs/golang/1.23/go/bin/go": program(), f"{root}/plugins/nodejs": "dir"}  # fmt: skip
    return layout(tree, f"{root}/shims", ("go", "node"))


def sdkman():
    root = f"{H}/.sdkman/candidates"
    tree = {f"{root}/java/current": "link:21.0.2-tem", f"{root}/java/21.0.2-tem/bin/java": program(), f"{root}/java/21.0.2-tem/release": "file", f"{root}/maven/current": f"link:{root}/maven/3.9.9",
            f"{root}/maven/3.9.9/bin/mvn": script("/bin/sh"), f"{H}/.m2/settings.xml": "file"}  # fmt: skip
    return layout(tree, f"{root}/java/current/bin:{root}/maven/current/bin", ("mvn",), env={"JAVA_HOME": f"{root}/java/current"})


def rustup():
    tree = {f"{H}/.cargo/bin/rustup": program(), f"{H}/.cargo/bin/cargo": "link:rustup", f"{H}/.cargo/bin/rg": program(), f"{H}/.cargo/credentials.toml": pinned(b"token"),
            f"{H}/.rustup/settings.toml": pinned(b'version = "12"\ndefault_toolchain = "stable-x86_64-unknown-linux-gnu"\n\n[overrides]\n"/home/user/other" = "nightly"\n'),
            f"{H}/.rustup/toolchains/stable-x86_64-unknown-linux-gnu/bin/cargo": program(), f"{H}/.rustup/toolchains/nightly-x86_64-unknown-linux-gnu/bin/cargo": program(),
            f"{H}/.rustup/toolchains/nightly-2024-01-01-x86_64-unknown-linux-gnu/bin/cargo": program(), f"{H}/project/rust-toolchain.toml": pinned(b'[toolchain]\nchannel = "nightly"\n')}  # fmt: skip
    return layout(tree, f"{H}/.cargo/bin", ("cargo", "rg"))


def go():
    tree = {
        f"{H}/go/bin/gopls": program(),
        f"{H}/go/pkg/mod/x": "file",
        f"{H}/sdk/go1.23/bin/go": program(),
        f"{H}/sdk/go1.23/VERSION": "file",
        f"{H}/sdk/go1.23/src/x": "file",
        f"{H}/sdk/go1.23/pkg/x": "file",
    }
    return layout(tree, f"{H}/sdk/go1.23/bin:{H}/go/bin", ("gopls", "go"))


def homebrew():
    root = "/home/linuxbrew/.linuxbrew"
    tree = {
        f"{root}/bin/gh": "link:../Cellar/gh/2.0/bin/gh",
        f"{root}/Cellar/gh/2.0/bin/gh": program(),
        f"{root}/Homebrew/x": "file",
        f"{root}/sbin": "dir",
    }
    return layout(tree, f"{root}/bin:{root}/sbin", ("gh",), env={"HOMEBREW_PREFIX": root})


def nix_profile():
    store = "/nix/store/0c0c-hello/bin/hello"
    tree = {store: program(), "/nix/store/1d1d-user-environment/bin/hello": f"link:{store}", f"{H}/.nix-profile": f"link:{H}/.local/state/nix/profiles/profile", f"{H}/.local/state/nix/profiles/profile": "link:profile-3-link",
            f"{H}/.local/state/nix/profiles/profile-3-link": "link:/nix/store/1d1d-user-environment", "/nix/var/nix/profiles/default": "link:/nix/var/nix/profiles/default-1-link",
            "/nix/var/nix/profiles/default-1-link": "link:/nix/store/1d1d-user-environment"}  # fmt: skip
    return layout(tree, f"{H}/.nix-profile/bin:/nix/var/nix/profiles/default/bin", ("hello",))


def guix():
    store = "/gnu/store/2e2e-profile"
    tree = {f"{store}/bin/hello": "link:/gnu/store/3f3f-hello/bin/hello", "/gnu/store/3f3f-hello/bin/hello": program(), f"{H}/.guix-profile": "link:/var/guix/profiles/per-user/user/guix-profile",
            "/var/guix/profiles/per-user/user/guix-profile": "link:guix-profile-1-link", "/var/guix/profiles/per-user/user/guix-profile-1-link": f"link:{store}"}  # fmt: skip
    return layout(tree, f"{H}/.guix-profile/bin", ("hello",))


def snap():
    return layout(
        {"/snap/bin/code": "link:/usr/bin/snap", "/usr/bin/snap": program(), "/var/lib/flatpak/exports/bin/x": program()},
        "/snap/bin:/var/lib/flatpak/exports/bin",
        ("code",),
    )


def dotfiles():
    tree = {f"{H}/.local/bin": "link:../dotfiles/bin", f"{H}/dotfiles/bin/hello": script("/bin/sh", b'. "$HOME/dotfiles/lib/colors.sh"\nexec "$HOME/opt/app/run.sh" "$@"\n'), f"{H}/dotfiles/.git/config": "file",
            f"{H}/dotfiles/.netrc": "file", f"{H}/dotfiles/lib/colors.sh": ("file", b"RED=1\n"), f"{H}/opt/app/run.sh": script("/bin/sh", b". ./rc\n"), f"{H}/opt/app/rc": "file"}  # fmt: skip
    return layout(tree, f"{H}/.local/bin", ("hello",))


def opt():
    tree = {
        "/opt/nvim-linux64/bin/nvim": program(),
        "/opt/nvim-linux64/share/nvim/x": "file",
        "/usr/local/bin/tool": "link:/opt/tool/tool",
        "/opt/tool/tool": program(),
        "/opt/tool/data": "file",
    }
    return layout(tree, "/opt/nvim-linux64/bin", ("nvim", "tool"))


def nothing():
    return layout({}, "", ("git", "absent"))


LAYOUTS = {
    f.__name__: f
    for f in (nvm, fnm, volta, n_prefix, pnpm, bun, npm_prefix, yarn_global, claude_native, pipx, uv_tool, uv_project, pip_user, pyenv, rbenv, jenv, conda,
              mise_shims, mise_activated, asdf, sdkman, rustup, go, homebrew, nix_profile, guix, snap, dotfiles, opt, nothing)
}  # fmt: skip
BASE = ("/usr", "/nix/store", "/gnu/store")


def render(found):
    """A closure, one decision per line."""
    lines = [f"bind {b.kind} {b.src}  ({b.why})" for b in found.binds] + [f"link {s.dest} -> {s.target}" for s in found.links]
    lines += (
        [f"mask {m.kind} {m.dest}" for m in found.masks] + [f"PATH {p}" for p in found.path] + [f"env {n}" for n in found.env]
    )
    return lines + [f"note {n}" for n in found.notes] + [f"missing {n}" for n in found.missing]


def text(name):
    from inner.plan.closure import closure, path_entries

    host, names = LAYOUTS[name]()
    parts = {f"closure({', '.join(names)})": closure(names, host=host, base=BASE), "path_entries": path_entries(host, BASE)}
    return "".join(f"{head}\n" + "".join(f"  {line}\n" for line in render(part)) for head, part in parts.items())


if __name__ == "__main__":
    from pathlib import Path

    for name in LAYOUTS:
        Path(__file__).with_name(f"{name}.txt").write_text(text(name))
