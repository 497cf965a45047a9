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
        "a profile that never ends": ('mkfifo .inner.toml; timeout $LONG $INNER true; [ $? = 124 ] && got stuck; rm .inner.toml; ln -s /dev/zero .inner.toml; timeout $LONG $INNER true; s=$?; [ $s = 124 ] || [ $s = 137 ] && got stuck', {}),
        "a profile that is a socket or a folder": ('mkdir .inner.toml; timeout 20 $INNER true 2>&1 | grep -q Traceback && got confused; rmdir .inner.toml; $PY -c "import socket; socket.socket(socket.AF_UNIX).bind(\'.inner.toml\')"; timeout 20 $INNER true 2>&1 | grep -q Traceback && got confused; true', {}),
        "a profile that takes all day to read": ('$PY -c "print(\'a.\' * 60000 + \'a = 1\')" > .inner.toml; timeout $LONG $INNER true >/dev/null 2>&1; [ $? = 124 ] && got stuck', {"seconds": 60}),
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
        "files of the git folder that are links": ('for f in HEAD index config packed-refs shallow info/exclude objects/info/alternates refs/heads/x logs/HEAD; do mkdir -p .git/$(dirname $f); mv -f .git/$f k 2>/dev/null; ln -s $H/.netrc .git/$f; timeout 20 $INNER sh -c \'cat .git/$0; grep -r "secret =" .git; git log; git branch -a; git config -l\' $f 2>&1; rm .git/$f; mv -f k .git/$f 2>/dev/null; done', {"seconds": 120}),
        "folders of the git folder that are links": ('for f in refs refs/heads logs objects objects/info objects/aa hooks info modules worktrees; do mv .git/$f k 2>/dev/null; mkdir -p .git/$(dirname $f); ln -s $H/.ssh .git/$f; timeout 20 $INNER sh -c \'cat .git/$0/id_ed25519 "$1/.ssh/id_ed25519"\' $f "$H" 2>&1; rm .git/$f; mv k .git/$f 2>/dev/null; done', {"seconds": 120}),
        "files of the git folder that never end": ('for f in config HEAD index packed-refs info/exclude; do mv .git/$f k; mkfifo .git/$f; timeout $LONG $INNER true >/dev/null 2>&1; [ $? = 124 ] && got stuck && break; rm .git/$f; mv k .git/$f; done; true', {"seconds": 90}),
        "paths in the settings of git": ('for k in core.excludesFile core.attributesFile commit.template include.path http.cookieFile gpg.ssh.allowedSignersFile; do git config $k $H/.netrc; done; git config core.hooksPath $H/.ssh; git config core.worktree $H; $INNER sh -c \'cat "$0/.netrc" "$0/.ssh/id_ed25519"; git config -l\' "$H" 2>&1', {}),
        "submodules that lie elsewhere": ("printf '[submodule \"x\"]\\n path = ../../.ssh\\n url = x\\n[submodule \"y\"]\\n path = sub\\n url = y\\n' > .gitmodules; mkdir sub; echo \"gitdir: $H/.ssh\" > sub/.git; ln -s $H/.ssh .git/modules; $INNER sh -c 'cat ../../.ssh/id_ed25519 \"$0/.ssh/id_ed25519\" .git/modules/id_ed25519; git config -f .git/modules/id_ed25519 -l' \"$H\" 2>&1", {}),
        "versions of tools that lie elsewhere": ('mkdir -p .venv/bin node_modules/.bin; printf "home = $H/.ssh\nversion = 3.11\n" > .venv/pyvenv.cfg; ln -s $H/.ssh/id_ed25519 .venv/bin/python; ln -s $H/.ssh .venv/lib; ln -s $H/.ssh node_modules/.bin/x; printf "[toolchain]\npath = \"$H/.ssh\"\n" > rust-toolchain.toml; echo $H/.ssh | tee .nvmrc .python-version > .tool-versions; VIRTUAL_ENV=$P/.venv PATH=$P/.venv/bin:$P/node_modules/.bin:$PATH $INNER sh -c \'cat .venv/bin/python .venv/lib/id_ed25519 node_modules/.bin/x/id_ed25519 "$0/.ssh/id_ed25519"\' "$H" 2>&1', {}),
        "a protected folder that is exchanged in time": ('mkdir .husky; echo fine > .husky/id_ed25519; ( while [ -e go ]; do mv .husky e; ln -s "$H/.ssh" .husky; sleep 0.02; rm .husky; mv e .husky; sleep 0.02; done 2>/dev/null ) & for i in 1 2 3 4 5 6 7 8; do timeout 20 $INNER cat .husky/id_ed25519 2>/dev/null; done; rm go; wait', {"before": "touch go", "seconds": 120}),
        "the git folder that is exchanged in time": ('( while [ -e go ]; do mv .git e; ln -s "$H/.ssh" .git; sleep 0.02; rm .git; mv e .git; sleep 0.02; done 2>/dev/null ) & for i in 1 2 3 4 5 6 7 8; do timeout 20 $INNER cat .git/id_ed25519 .git/config 2>/dev/null; done; rm go; wait', {"before": "touch go", "seconds": 120}),
        "the project that is exchanged in time": ('cd ..; mkdir q; touch go; ( while [ -e go ]; do mv q e; ln -s "$H/.ssh" q; sleep 0.02; rm q; mv e q; sleep 0.02; done 2>/dev/null ) & for i in 1 2 3 4 5 6 7 8 9 10 11 12; do ( until cd q 2>/dev/null; do sleep 0.01; done; timeout 20 $INNER cat id_ed25519 2>/dev/null ); done; rm go; wait', {"seconds": 120}),
        "names of what is left, as they are told": ("N=$'a\\e]0;EVIL\\a\\302\\2332Jb'; $INNER bash -c 'mkdir -p \"$0/.git/refs\" \"$0/.git/objects\"; echo ref: refs/heads/x > \"$0/.git/HEAD\"; ln -s /etc \"l$0\"; mkfifo \"f$0\"; touch \"x$0\"; mkdir -p \"m$0/.vscode\"; echo {} > \"m$0/.vscode/tasks.json\"; cp /bin/true \"s$0\"; chmod 2755 \"s$0\"; git checkout -q -b wei$(printf \"\\342\\200\\256\")rd; git commit -q --allow-empty -m \"$0\"' \"$N\" >told 2>&1; $TOOL log show >>told 2>&1; $TOOL log list >>told 2>&1; grep -aqE $'\\e\\\\]|\\302\\233|\\342\\200\\256' told && got obeyed; true", {}),
        "names of what waits to be applied, as they are told": ("N=$'a\\e]0;EVIL\\a\\302\\2332Jb'; $INNER bash -c 'ln -s /etc \"l$0\"; mkfifo \"f$0\"; echo \"$0\" > \"x$0\"; echo \"$0\" > a' \"$N\" >told 2>&1; for c in diff 'diff --stat' 'diff --name-only' 'apply -y' ps 'log show'; do $TOOL $c >>told 2>&1 </dev/null; done; grep -aqE $'\\e\\\\]|\\302\\233' told && got obeyed; true", {"words": ("--review",)}),
        "words of the command, as they are told": ("$INNER true $'\\e]0;EVIL\\a' >/dev/null 2>&1; { $TOOL log list; $TOOL log show; $TOOL ps; cat ~/last-run; } 2>&1 | grep -aq $'\\e\\\\]' && got obeyed; true", {}),
        "the state of inner": ('$INNER sh -c \'ls -A ~/.local/state/inner ~/.config/inner ~/.cache/inner "$0/.local/state/inner" && echo G""OT it\' "$H" 2>&1; $INNER sh -c \'mkdir -p "$0/.local/state/inner/runs/evil" && echo x > "$0/.local/state/inner/runs/evil/x"\' "$H"; [ -e "$H/.local/state/inner/runs/evil" ] && got written', {"before": "mkdir -p $H/.local/state/inner $H/.cache/inner"}),
    },
    wrapper=True,
    begins=False,
)  # fmt: skip
