"""Files that are left for a program of the host's to run or obey: of the home, of the system, of the project."""

from __future__ import annotations

from attempt import table

GROUP = "writes"

HOME = {
    "start files of shells": ".bashrc .profile .bash_profile .zshenv .zshrc .config/fish/config.fish .inputrc",
    "programs in front of the path": ".local/bin/ls bin/ls .cargo/bin/cargo",
    "what starts with the desktop": ".config/autostart/a.desktop .local/share/applications/a.desktop .xprofile .xsessionrc",
    "services of the user": ".config/systemd/user/a.service .config/environment.d/a.conf .pam_environment",
    "authorized keys and ssh's settings": ".ssh/authorized_keys .ssh/config .ssh/rc",
    "settings of agents": ".claude/settings.json .claude/CLAUDE.md .codex/config.toml .gemini/settings.json .cursor/mcp.json .config/opencode/opencode.json",
    "settings of git": ".gitconfig .config/git/config .config/git/hooks/post-checkout",
    "settings of inner": ".config/inner/config.toml .config/inner/profiles/shell.toml .local/state/inner/trust.json .local/state/inner/x .cache/inner/x",
    "settings of package managers": ".npmrc .config/pip/pip.conf .cargo/config.toml .m2/settings.xml .gradle/init.gradle .bunfig.toml",
    "settings of editors": ".vimrc .config/nvim/init.lua .emacs .config/Code/User/settings.json .config/helix/config.toml",
    "modules of python": ".local/lib/python3.11/site-packages/usercustomize.py .local/lib/python3.11/site-packages/a.pth .pythonrc .config/python/x",
    "settings of terminals": ".tmux.conf .screenrc .config/kitty/kitty.conf .config/alacritty/alacritty.toml .Xresources",
    "mail and timers": ".forward .procmailrc .plan .config/cron/x",
    "another project": "work/other/Makefile work/other/.envrc work/other/notes",
}
WROTE = 'for f in {paths}; do grep -qs EVIL "$H/$f" && got "$f"; done'
ATTEMPTS = table(
    GROUP,
    {
        f"write {name}": (
            f'cd "$H" && for f in {paths}; do mkdir -p "$(dirname "$f")"; echo EVIL >> "$f"; done',
            {"after": WROTE.format(paths=paths)},
        )
        for name, paths in HOME.items()
    },
)

PROJECT = (
    ".envrc", ".inner.toml", ".inner/profiles/shell.toml", ".config/inner.toml", ".mcp.json", ".vscode/tasks.json", ".vscode/settings.json", ".idea/workspace.xml",
    ".zed/tasks.json", ".devcontainer/devcontainer.json", ".cursor/mcp.json", ".claude/settings.local.json", ".codex/config.toml", ".gemini/settings.json", ".vimrc", ".exrc",
    ".nvim.lua", ".dir-locals.el", ".gdbinit", ".husky/pre-commit", ".githooks/pre-commit", ".mise.toml", ".helix/languages.toml", ".hg/hgrc", ".kiro/mcp.json", ".windsurf/x",
    ".amazonq/mcp.json", ".kilocode/mcp.json", ".junie/mcp/mcp.json", ".factory/mcp.json", "crush.json", ".rvmrc", ".augment/x", ".warp/mcp.json", ".tabnine/mcp_servers.json",
    ".aider.conf.yml", "opencode.json", ".lite_project.lua", ".trae/x",
)  # fmt: skip
NAMED = " ".join(PROJECT)
EACH = f"for f in {NAMED}; do d=$(dirname $f); "
MINE = f'{EACH} mkdir -p "$d"; echo mine > "$f"; done; git add -A -f; git commit -qm mine'
STEERED = f'for f in {NAMED}; do grep -qs EVIL "$f" && got "$f"; done; true'


def steered(script: str, **more: object) -> tuple[str, dict[str, object]]:
    return EACH + script + "; done", {"after": STEERED, "seconds": 60, **more}


ATTEMPTS += table(
    GROUP,
    {
        "steering files that are missing": steered('mkdir -p "$d"; echo EVIL > "$f"'),
        "steering files that are there": steered('echo EVIL > "$f"', before=MINE),
        "steering files, by rename": steered('echo EVIL > e; mv -f e "$f"', before=MINE),
        "steering files, removed and made": steered('rm -rf "$f"; echo EVIL > "$f"', before=MINE),
        "steering folders, moved aside": steered('[ $d = . ] || { mv "$d" "$d.old"; mkdir -p "$d"; echo EVIL > "$f"; }', before=MINE),
        "steering files, by a link to a folder": steered('[ $d = . ] || { mkdir -p "e/$d"; echo EVIL > "e/$f"; rm -rf "$d"; ln -sfn "$P/e/$d" "$d"; }'),
        "steering files, by a link to a file": steered('mkdir -p "$d"; echo EVIL > e; ln -sf "$P/e" "$f"'),
        "steering files, by a hard link": steered('ln "$f" l && echo EVIL > l; rm -f l', before=MINE),
        "steering files, by another process that stays": steered('(setsid sh -c "mkdir -p $d; echo EVIL > $f" &); sleep 0.01'),
        "steering files, exchanged": (f"#py\nfor f in {PROJECT!r}:\n    open('e', 'w').write('EVIL'); print(libc.renameat2(-100, b'e', -100, f.encode(), 2))", {"before": MINE, "after": STEERED}),
        "steering files, through the folder's descriptor": (f"#py\nd = os.open('.', os.O_PATH)\nfor f in {PROJECT!r}:\n    try: os.write(os.open(f, os.O_WRONLY | os.O_TRUNC, dir_fd=d), b'EVIL')\n    except OSError as e: print(e)\n    try: os.write(os.open('/proc/self/fd/%d/%s' % (d, f), os.O_WRONLY | os.O_TRUNC), b'EVIL')\n    except OSError as e: print(e)", {"before": MINE, "after": STEERED}),
        "steering files, in another spelling of the path": steered('echo EVIL > "/proc/self/cwd/$f"; echo EVIL > "../proj/$f"; echo EVIL > "/proc/1/root$P/$f"', before=MINE),
        "steering files, by chmod": steered('chmod u+w "$d" "$f"; echo EVIL > "$f"', before=MINE + '; chmod a-w .vscode/tasks.json'),
        "steering files, by truncation of what is mapped": (f"#py\nimport mmap\nfor f in {PROJECT!r}:\n    try:\n        d = os.open(f, os.O_RDWR); m = mmap.mmap(d, 4); m[:4] = b'EVIL'\n    except (OSError, ValueError) as e: print(e)", {"before": MINE, "after": STEERED}),
        "a placeholder that is replaced": ("for f in .mcp.json .vscode .codex .zed .git; do mv $f m; rm -rf $f; echo EVIL > $f; ln -sf $M $f; echo EVIL > $f/x; done", {"after": 'grep -qs EVIL .mcp.json .vscode .vscode/x .codex .codex/x .zed .git && got it; [ -L .vscode ] && got link; true', "git": ""}),
        "steering files in a folder below": ("echo EVIL > b/.vscode/tasks.json; mv b c; mkdir -p b/.vscode; echo EVIL > b/.vscode/tasks.json", {"before": "mkdir -p b/.vscode; echo mine > b/.vscode/tasks.json", "after": "grep -qs EVIL b/.vscode/tasks.json && got it", "profile": '[sandbox]\nprotect = ["b/.vscode"]\n'}),
        "a file that the profile protects": ("echo EVIL > Makefile; mv -f a Makefile; rm -f Makefile; echo EVIL > Makefile", {"after": "grep -qs EVIL Makefile && got it; grep -qs all: Makefile || got it", "profile": '[sandbox]\nprotect = ["Makefile"]\n'}),
        "a file in a folder that the profile protects": ("echo EVIL > src/x; mv src s; mkdir src; echo EVIL > src/x", {"before": "touch src/x", "after": "grep -qs EVIL src/x && got it", "profile": '[sandbox]\nprotect = ["src"]\n'}),
        "read what the profile masks": ("cat .env keys/a.pem; cp -r . /tmp/x; cat /tmp/x/.env /tmp/x/keys/a.pem; mv keys k; cat k/*; ln .env l; cat l", {"before": "mkdir keys; echo $(cat $H/.env) | tee .env > keys/a.pem", "profile": '[sandbox]\nmask = [".env", "keys/**"]\n'}),
        "the system": ("echo x > /usr/bin/$T; echo x > /etc/$T; mkdir /opt/$T; echo x > /lib/$T; ( : >> /etc/passwd ) && got passwd; echo x > /var/$T; echo x > /$T; echo x > /run/$T; [ -e /$T ] && got root", {"after": "for d in /usr/bin /etc /opt /lib /var / /run; do [ -e $d/$T ] && got $d; rm -rf \"$d/$T\"; done; true", "open": "box", "needs": lambda: _root()}),
        "scratch space of the host": ("echo EVIL > /tmp/$T-left; echo EVIL > /var/tmp/$T-left; echo EVIL > /dev/shm/$T-left", {"after": 'for d in /tmp /var/tmp /dev/shm; do [ -e $d/$T-left ] && got $d; rm -f $d/$T-left; done; true'}),
        "a set-user-id program": ("cp /bin/true s; chmod 4755 s; cp /bin/true g; chmod 2755 g; install -m 6755 /bin/true b", {"after": "find . -perm /6000 | grep -q . && got it; true"}),
        "a set-user-id program, by other calls": ("#py\nfor n, (f, c) in enumerate((('a', lambda p: os.chmod(p, 0o4755)), ('b', lambda p: os.fchmod(os.open(p, 0), 0o4755)), ('c', lambda p: call(452, 452, -100, p.encode(), 0o4755, 0)), ('d', lambda p: os.mknod(p, 0o104755)), ('e', lambda p: os.open(p, os.O_CREAT | os.O_WRONLY, 0o4755)), ('h', lambda p: call(437, 437, -100, p.encode(), struct.pack('QQQ', os.O_CREAT | os.O_WRONLY, 0o4755, 0), 24)))):\n    if n < 3: open('s' + f, 'w').close()\n    try: print(c('s' + f))\n    except OSError as e: print(e)", {"after": "find . -perm /6000 | grep -q . && got it; true"}),
        "a device node": ("mknod n b 7 0; mknod n c 1 1; #\n", {"after": "[ -b n ] || [ -c n ] && got it; true", "open": "box", "needs": lambda: False}),
        "a hard link to a file outside": ("ln \"$H/.netrc\" l; ln /etc/passwd p; ln /usr/bin/env e", {"after": "[ -e l ] && cat l; [ e -ef /usr/bin/env ] && got it; true"}),
        "a hard link under the mask of a descriptor": ("#py\nfor source in ('/proc/self/fd/0', '/proc/self/exe', '/proc/self/cwd/../../.netrc', E['H'] + '/.netrc'):\n    print(libc.linkat(-100, source.encode(), -100, b'l%d' % len(source), 0x400))", {"after": "for l in l*; do [ $l -ef $H/.netrc ] && got it; done; true", "stdin": ".netrc"}),
        "capabilities of a file": ("#py\nopen('c', 'w').close(); os.chmod('c', 0o755)\nfor name, value in (('security.capability', struct.pack('<IIIII', 0x02000001, 1 << 21, 0, 0, 0)), ('trusted.x', b'x')):\n    try: os.setxattr('c', name, value); got(name)\n    except OSError as e: print(e)", {"open": "box", "after": "true"}),
        "a socket in the project": ("#py\nfor path in ('../s', E['H'] + '/s', '/run/s', E['R'] + '/s'):\n    s = socket.socket(socket.AF_UNIX)\n    try: s.bind(path)\n    except OSError as e: print(path, e)", {"after": "[ -S ../s ] || [ -S $H/s ] || [ -S $R/s ] && got it; rm -f ../s $H/s $R/s; true"}),
        "a path that leaves the project when it is unpacked": ("#py\nimport io, tarfile\nt = tarfile.open('t.tar', 'w'); i = tarfile.TarInfo('../../.zshenv'); i.size = 4; t.addfile(i, io.BytesIO(b'EVIL')); t.close()\nsubprocess.run(['tar', '-P', '-xf', 't.tar'])", {"after": 'grep -qs EVIL "$H/.zshenv" && got it'}),
        "a link in the project, written through": ("echo EVIL > l/.zshenv; echo EVIL > m", {"before": 'ln -s "$H" l; ln -s "$H/.bashrc" m', "after": 'grep -qs EVIL "$H/.zshenv" "$H/.bashrc" && got it'}),
        "the project itself, moved": ('mv "$P" "$H/work/gone"; cd /; mv -T "$P" "$H/gone"; rmdir "$P"', {"after": '[ -e "$P/a" ] || got it is gone'}),
        "the folder above the project": ("echo EVIL > ../Makefile; mkdir ../evil; chmod 700 ..", {"after": '[ -e "$H/work/Makefile" ] || [ -e "$H/work/evil" ] && got it'}),
    },
)  # fmt: skip


def _root() -> bool:
    import os

    return os.getuid() == 0
