"""Variables of the host's: secrets, what loads code, what names sockets. All of `stage.SECRET` hold the token."""

from __future__ import annotations

from attempt import table

GROUP = "environment"
ATTEMPTS = table(
    GROUP,
    {
        "secrets by their names": "printenv AWS_SECRET_ACCESS_KEY GITHUB_TOKEN ANTHROPIC_API_KEY DATABASE_URL",
        "a secret with an innocent name": "printenv MY_INNOCENT_NAME",
        "all of it": "env -0 | tr '\\0' '\\n'; export -p; declare -f",
        "what the linker obeys": "env | grep ^LD_",
        "functions of a shell": "escape; declare -F | grep -q escape && got function",
        "what interpreters obey": "printenv NODE_OPTIONS PERL5OPT PYTHONPATH BASH_ENV ENV",
        "what shells run": "printenv PROMPT_COMMAND LESSOPEN",
        "what git runs": "printenv GIT_SSH_COMMAND GIT_ASKPASS GIT_CONFIG_VALUE_0; git told",
        "what names sockets": "printenv SSH_AUTH_SOCK DBUS_SESSION_BUS_ADDRESS DISPLAY KUBECONFIG",
        "what build tools and tests obey": "printenv MAKEFLAGS GOFLAGS RUSTFLAGS JAVA_TOOL_OPTIONS RUBYOPT NODE_PATH GCONV_PATH PYTEST_ADDOPTS",
        "keys of package managers": "printenv CARGO_REGISTRY_TOKEN npm_config__auth PIP_INDEX_URL UV_INDEX TWINE_PASSWORD NPM_TOKEN",
        "what a terminal or a session tells": "printenv LC_SECRET TERMINFO SSH_CONNECTION SUDO_COMMAND KRB5CCNAME WSL_INTEROP TMUX HISTFILE; env | grep ^LC_SECRET",
        "the way out with a password": "printenv http_proxy HTTP_PROXY ALL_PROXY",
        "of process 1": ("tr '\\0' '\\n' < /proc/1/environ", {"open": "flags"}),
        "of the stack of process 1": ("#py\na = [line.split()[0] for line in open('/proc/1/maps') if 'stack' in line][0].split('-')\ns, e = (int(x, 16) for x in a)\nsys.stdout.write(os.pread(os.open('/proc/1/mem', 0), e - s, s).decode('latin-1'))", {"open": "flags"}),
        "the path through the project": ("a-program", {"before": "mkdir bin; printf '#!/bin/sh\\necho $(cat $H/.env)\\n' > bin/a-program; chmod +x bin/a-program", "open": '[env]\npath_prepend = ["${workdir}/bin"]\nset = { H = "/nowhere" }\n[sandbox]\nhome = "host-ro"\n', "needs": lambda: False}),
        "the path through what can be written": "#py\nfor p in E['PATH'].split(':'):\n    if not p.startswith('/') or os.access(p, os.W_OK) or p.startswith(E['P']): got(p)\n    if p in ('/usr/bin', '/bin'): break",
        "a name that is not one": "env | grep -aE '^(BASH_FUNC|[^A-Za-z_])' && got name; true",
    },
)  # fmt: skip
for number, attempt in enumerate(ATTEMPTS):
    if attempt.name == "the path through what can be written":
        ATTEMPTS[number] = attempt._replace(open='[env]\npath_prepend = ["${workdir}/bin"]\n', before="mkdir bin")
