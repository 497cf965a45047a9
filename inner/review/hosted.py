"""Which changed files may run code outside, once they are applied: marked wherever changes are shown. Pure.

Some run as soon as a program looks (git, direnv, an editor), others when somebody builds or tests; both are worth a look.
"""

from __future__ import annotations

from inner.frozen import TYPE_CHECKING
from inner.launch.aftermath import KINDS
from inner.plan.protect import ALWAYS, LATE

if TYPE_CHECKING:
    from inner.review.changes import Change

# A name, or a folder (with `/`), at any depth -> who acts on it.
NAMES = {
    ".envrc": "direnv", ".env": "programs that load it", ".gitmodules": "git", ".gitattributes": "git", ".lfsconfig": "git lfs",
    ".git/": "git", "HEAD": "git (a bare repository)", ".githooks/": "git", ".husky/": "git", ".pre-commit-config.yaml": "pre-commit", "lefthook.yml": "lefthook",
    ".inner.toml": "inner", "inner.toml": "inner", ".inner/": "inner",
    ".vscode/": "VS Code", ".idea/": "JetBrains IDEs", ".zed/": "Zed", ".fleet/": "Fleet", ".nova/": "Nova", ".vs/": "Visual Studio",
    ".devcontainer/": "dev containers", ".devcontainer.json": "dev containers", ".sublime-project": "Sublime Text",
    ".vim/": "vim", ".vimrc": "vim", ".exrc": "vim", ".nvim/": "neovim", ".nvimrc": "neovim", ".nvim.lua": "neovim",
    ".local.vimrc": "vim", ".lvimrc": "vim", ".dir-locals.el": "Emacs", ".dir-locals-2.el": "Emacs", ".gdbinit": "gdb",
    ".lldbinit": "lldb", ".editorconfig": "editors",
    ".mcp.json": "agents", ".claude/": "Claude Code", "CLAUDE.md": "agents", "CLAUDE.local.md": "agents", "AGENTS.md": "agents",
    "GEMINI.md": "agents", ".cursor/": "Cursor", ".cursorrules": "Cursor", ".codex/": "Codex", ".gemini/": "Gemini CLI",
    ".opencode/": "OpenCode", "opencode.json": "OpenCode", "opencode.jsonc": "OpenCode", ".windsurf/": "Windsurf",
    ".windsurfrules": "Windsurf", ".clinerules": "Cline", ".roo/": "Roo", ".kiro/": "Kiro", ".continue/": "Continue",
    ".aider.conf.yml": "Aider", ".agents/": "agents", ".qwen/": "Qwen Code", ".amp/": "Amp",
    ".mise.toml": "mise", "mise.toml": "mise", ".mise/": "mise", ".tool-versions": "asdf", ".autoenv": "autoenv",
    ".autoenv.zsh": "autoenv", ".nvmrc": "nvm",
    "Makefile": "make", "makefile": "make", "GNUmakefile": "make", "justfile": "just", "Justfile": "just", "Taskfile.yml": "task",
    "Rakefile": "rake", "Gemfile": "bundler", "Vagrantfile": "vagrant", "Dockerfile": "docker", "Containerfile": "podman",
    "docker-compose.yml": "docker", "compose.yaml": "docker", "compose.yml": "docker", "Jenkinsfile": "Jenkins",
    "CMakeLists.txt": "cmake", "meson.build": "meson", "configure": "autoconf", "build.rs": "cargo", ".cargo/": "cargo",
    "package.json": "npm", ".npmrc": "npm", ".yarnrc": "yarn", ".yarnrc.yml": "yarn", ".pnp.cjs": "yarn", ".pnpmfile.cjs": "pnpm",
    "setup.py": "pip", "setup.cfg": "pip", "pyproject.toml": "pip", "conftest.py": "pytest", "noxfile.py": "nox", "tox.ini": "tox",
    "sitecustomize.py": "python", "usercustomize.py": "python", ".pythonrc": "python", "pip.conf": "pip",
    "build.gradle": "gradle", "build.gradle.kts": "gradle", "settings.gradle": "gradle", "settings.gradle.kts": "gradle",
    "gradlew": "gradle", "gradle-wrapper.properties": "gradle", "mvnw": "maven", "pom.xml": "maven", ".mvn/": "maven",
    "flake.nix": "nix", "default.nix": "nix", "shell.nix": "nix", ".github/": "GitHub Actions", ".gitlab-ci.yml": "GitLab CI",
    ".circleci/": "CircleCI", ".ci/": "CI", "azure-pipelines.yml": "Azure Pipelines",
}  # fmt: skip
ENDINGS = {
    ".code-workspace": "VS Code",
    ".sublime-project": "Sublime Text",
    ".pth": "python",
    ".mk": "make",
    ".desktop": "the desktop",
}


# What is protected or told of in runs without review.
STEERING = frozenset(name.rstrip("/") for name in (*ALWAYS, *LATE))


def runs(change: Change) -> str:
    """Who may run what is in a changed place, "" for nobody that is known. Deleting a file runs nothing."""
    if change.kind == "deleted":
        return ""
    parts = change.path.split("/")
    for folder in parts if change.what == "dir" else parts[:-1]:
        if folder + "/" in NAMES:
            return NAMES[folder + "/"]
    for at, part in enumerate(parts):
        if part in STEERING or any("/".join(parts[at : at + length]) in STEERING for length in (2, 3)):
            return "programs that obey it"
    if change.what == "dir":
        return ""
    name = parts[-1]
    found = NAMES.get(name) or NAMES.get(name + "/") or ENDINGS.get(name[name.rfind(".") :] if "." in name else "", "")
    if found or name in KINDS:
        return found or f"tools ({KINDS[name]})"
    if change.what == "file" and change.mode & 0o111 and not change.old_mode & 0o111:
        return "whoever starts it (it became executable)"
    return ""


def leaves(change: Change, target: str) -> bool:
    """Whether a link, by its text alone, leads out of the folder it is in."""
    if target.startswith("/"):
        return True
    depth = change.path.count("/")
    for part in target.split("/"):
        depth += -1 if part == ".." else 0 if part in ("", ".") else 1
        if depth < 0:
            return True
    return False
