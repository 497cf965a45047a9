"""The project's own files and names against inner itself: these run on the host, and start `$INNER` (a box, with a command) or `$TOOL`."""

from __future__ import annotations

import os

from attempt import table

GROUP = "configuration"
ORDINARY = lambda: os.getuid() != 0  # noqa: E731 - root is refused it, trusted or not
HEAD = 'schema_version = "1"\n'
SSH = '$INNER cat "$H/.ssh/id_ed25519" "$H/.netrc" 2>&1'


def project(text: str, name: str = ".inner.toml") -> str:
    return f"mkdir -p $(dirname {name}); cat > {name} <<'E'\n{HEAD}{text}\nE\neval \"$TRUST\"\n"


ATTEMPTS = table(
    GROUP,
    {
        "a project that asks for the home": (project('[mounts]\n"~" = "rw"\n"~/.ssh" = "ro"') + SSH, {}),
        "a project that asks for the home, in another file": (project('[mounts]\n"~" = "rw"', ".inner/profiles/shell.toml") + SSH, {}),
        "a project that replaces the default profile": (project('default_profile = "mine"\n[profiles.mine]\nschema_version = "1"\n[profiles.mine.sandbox]\nhome = "host-ro"\nroot = "host-ro"') + "$TOOL run --no-interactive -- cat $H/Documents/taxes 2>&1", {"open": "trusted", "needs": ORDINARY}),
        "a project that opens its box": (project('[profiles.shell]\nschema_version = "1"\nextends = "shell"\n[profiles.shell.sandbox]\nhome = "host-ro"\nseccomp = "off"\nhome_allow = ["Documents"]') + "$TOOL run --no-interactive -p shell -- cat $H/Documents/taxes 2>&1", {"open": "trusted", "needs": ORDINARY}),
        "a project that passes variables": (project('[profiles.shell]\nschema_version = "1"\nextends = "shell"\n[profiles.shell.env]\npassthrough = ["GITHUB_TOKEN"]\ninherit_all = true') + "$TOOL run --no-interactive -p shell -- env 2>&1", {"open": "trusted"}),
        "a project with an alias over a command": (project('[aliases]\nrun = "doctor"\nx = "run --no-interactive -m ~/Documents:/n -- cat /n/taxes"') + '$TOOL run --no-interactive -- echo fine 2>&1; $TOOL --version; $TOOL x 2>&1', {"open": "trusted"}),
        "a project that runs something first": (project('pre_run = ["touch $M/ran"]\npost_run = ["touch $M/ran"]\n[hooks]\nstart = "touch $M/ran"') + "$INNER true 2>&1; [ -e $M/ran ] && got it ran", {}),
        "a project that writes the log elsewhere": (project('log_dir = "$H/evil"\n[profiles.shell]\nschema_version = "1"\nextends = "shell"\n[profiles.shell.output]\nlog = "$H/.zshenv"') + "$TOOL run --no-interactive -p shell -- echo EVIL 2>&1; [ -e $H/.zshenv ] || [ -e $H/evil ] && got written", {"open": "trusted"}),
        "a profile that is a link to a secret": ('mkdir -p .inner/profiles; ln -s $H/.netrc .inner/profiles/shell.toml; ln -s $H/.netrc .inner.toml; timeout 20 $INNER true 2>&1; timeout 20 $TOOL profile list 2>&1', {}),
        "a profile that never ends": ('mkfifo .inner.toml; timeout 10 $INNER true; [ $? = 124 ] && got stuck; rm .inner.toml; ln -s /dev/zero .inner.toml; timeout 10 $INNER true; s=$?; [ $s = 124 ] || [ $s = 137 ] && got stuck', {}),
        "a profile that is a socket or a folder": ('mkdir .inner.toml; timeout 20 $INNER true 2>&1 | grep -q Traceback && got confused; rmdir .inner.toml; $PY -c "import socket; socket.socket(socket.AF_UNIX).bind(\'.inner.toml\')"; timeout 20 $INNER true 2>&1 | grep -q Traceback && got confused; true', {}),
        "a profile that takes all day to read": ('$PY -c "print(\'a.\' * 60000 + \'a = 1\')" > .inner.toml; timeout 12 $INNER true >/dev/null 2>&1; [ $? = 124 ] && got stuck', {"seconds": 60}),
        "a profile that is deep": ("$PY -c \"print('a = ' + '[' * 5000)\" > .inner.toml; timeout 20 $INNER true 2>&1 | grep -qE 'Traceback|RecursionError' && got confused; true", {}),
        "names with control characters": (project('description = "\\u001b]52;c;RVZJTA==\\u0007 \\u001b[2J"\nname = "\\u001b]0;EVIL\\u0007"\n', ".inner/profiles/shell.toml") + "cp .inner/profiles/shell.toml .inner.toml; ( $INNER true; $TOOL profile list; $TOOL profile show shell; $TOOL config show; $TOOL trust </dev/null ) 2>&1 | grep -q $'\\e\\\\]' && got obeyed; true", {}),
        "a folder with a name of control characters": ("mkdir $'x\\e]0;EVIL\\a\\ny'; cd $'x\\e]0;EVIL\\a\\ny'; ( $INNER pwd; $TOOL run --dry-run -- true; $TOOL why x ) 2>&1 >/dev/null | grep -q $'\\e\\\\]' && got obeyed; $TOOL run --dry-run -- true 2>&1 | grep -q $'\\e\\\\]' && got obeyed; cd ..; printf 'schema = \"\\033]0;EVIL\\a' > .inner.toml; $INNER true 2>&1 | grep -q $'\\e\\\\]' && got obeyed; true", {}),
        "a command that is an option of bubblewrap's": ('$INNER --bind / / -- cat "$H/.netrc" 2>&1; $INNER --dev-bind / / cat "$H/.netrc" 2>&1; $TOOL run --no-interactive -- --bind / / cat "$H/.netrc" 2>&1', {}),
        "a folder that is an option of bubblewrap's": ('mkdir -- --bind --dev-bind; cd -- --dev-bind; $INNER cat "$H/.netrc" 2>&1; $TOOL run --no-interactive -w ../--bind -- cat "$H/.netrc" 2>&1', {}),
        "arguments with newlines and NUL-like words": ("$INNER printf '%s' $'a\\n--bind\\n/\\n/' $'\\\\0--bind' 2>&1 | grep -q . ; $INNER sh -c 'cat $0' \"$H/.netrc\" 2>&1; $TOOL run --no-interactive -e $'A=b\\n--bind' -a '--bind' -- cat \"$H/.netrc\" 2>&1", {}),
        "a file that only calls itself a git folder": ('rm -rf .git; echo "gitdir: $H/.ssh" > .git; echo "$P/.git" > $H/.ssh/gitdir; $INNER cat "$H/.ssh/id_ed25519" 2>&1', {}),
        "a file that calls another repository its own": ('rm -rf .git; git init -q ../o; echo x > ../o/x; cp ~/.netrc ../o/.git/token; echo "gitdir: $H/work/o/.git" > .git; $INNER cat "$H/work/o/.git/token" 2>&1', {}),
        "objects borrowed from another repository": ('mkdir ../o; git init -q ../o; cp ~/.netrc ../o/x; git -C ../o add x; git -C ../o commit -qm x; c=$(git -C ../o rev-parse HEAD); mkdir -p .git/objects/info; echo $H/work/o/.git/objects > .git/objects/info/alternates; $INNER git cat-file -p $c:x 2>&1', {}),
        "git that is run by whoever starts the box": ("git config core.fsmonitor 'touch $M/ran; false'; git config core.hooksPath h; git config core.pager 'touch $M/ran'; $INNER true >/dev/null 2>&1; $INNER git status >/dev/null 2>&1; [ -e $M/ran ] && got it ran", {}),
        "git that is run afterwards": ("git config filter.x.clean 'touch $M/ran; cat'; git config gpg.program $P/x; git config uploadpack.packObjectsHook 'touch $M/ran'; git config core.fsmonitor 'touch $M/ran; false'; $INNER git commit -q --allow-empty -m x; [ -e $M/ran ] && got it ran", {}),
        "programs in the project, with the path leading there": ("for n in bwrap git python3 env sh bash newuidmap systemd-run ip; do printf '#!/bin/sh\\ntouch $M/ran\\n' > $n; chmod +x $n; done; PATH=.:$P:$PATH $INNER true >/dev/null 2>&1; PATH=:$P:$PATH $INNER git status >/dev/null 2>&1; [ -e $M/ran ] && got it ran", {}),
        "modules in the project": ("for n in json os tomllib sitecustomize usercustomize inner pydantic typer; do echo 'open(__import__(\"posix\").environ.get(b\"M\", b\"/tmp\").decode() + \"/ran\", \"w\")' > $n.py; done; PYTHONPATH=. $INNER true >/dev/null 2>&1; $TOOL doctor >/dev/null 2>&1; [ -e $M/ran ] && got it ran; true", {}),
        "no namespaces": ("unshare -Ur sh -c 'echo 0 > /proc/sys/user/max_user_namespaces; exec \"$0\" cat \"$1\"' $INNER \"$H/.netrc\" 2>&1", {"seconds": 60}),
        "no bubblewrap": ('PATH=/nowhere $TOOL run --no-interactive -- cat "$H/.netrc" 2>&1; PATH=/usr/bin INNER_BWRAP=/bin/true $INNER cat "$H/.netrc" 2>&1; unshare -Urm sh -c "mount --bind /bin/false /usr/bin/bwrap && exec $INNER cat $H/.netrc" 2>&1', {"seconds": 60}),
        "the home as the project": ('cd "$H" && $INNER cat .netrc 2>&1; cd .ssh && $INNER cat id_ed25519 2>&1; cd ~/.config && $INNER cat inner/secret 2>&1; cd / && $INNER cat "$H/.netrc" 2>&1', {}),
        "a link as the project": ('mkdir ../l; ln -s "$H" ../l/x; cd ../l/x 2>/dev/null && $INNER cat .netrc 2>&1; ln -s "$H/.ssh" ../../k; cd "$H/k" && $INNER cat id_ed25519 2>&1; $TOOL run --no-interactive -w "$H/k" -- cat id_ed25519 2>&1', {}),
        "a source that is exchanged in time": ('mkdir d; echo fine > d/id_ed25519; ( while [ -e go ]; do mv d e; ln -s "$H/.ssh" d; sleep 0.02; rm d; mv e d; sleep 0.02; done 2>/dev/null ) & for i in 1 2 3 4 5 6 7 8; do $MOUNTED d sh -c "cat /data/id_ed25519 src/id_ed25519" 2>/dev/null; done; rm go; wait', {"before": "touch go", "seconds": 90}),
        "a destination that is a link": ('ln -s "$H/.config/autostart" .zed; ln -s ../../../../oldroot/$H/.config/autostart .vscode; $INNER sh -c "echo EVIL > .vscode/a; echo EVIL > .zed/a" 2>&1; ls $H/.config/autostart/* 2>/dev/null && got written', {"before": "mkdir $H/.config/autostart"}),
        "the state of inner": ('$INNER sh -c \'ls -A ~/.local/state/inner ~/.config/inner ~/.cache/inner "$0/.local/state/inner" && echo G""OT it\' "$H" 2>&1; $INNER sh -c \'mkdir -p "$0/.local/state/inner/runs/evil" && echo x > "$0/.local/state/inner/runs/evil/x"\' "$H"; [ -e "$H/.local/state/inner/runs/evil" ] && got written', {"before": "mkdir -p $H/.local/state/inner $H/.cache/inner"}),
    },
    wrapper=True,
    begins=False,
)  # fmt: skip
