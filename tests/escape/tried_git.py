"""What is left in a repository, so that git of the host runs it at the next command. `after` is what the user does then."""

from __future__ import annotations

from attempt import table

GROUP = "git"
RUN = "touch $M/ran"
SEEN = "; [ -e $M/ran ] && got it ran"
FS = f"'{RUN}; false'"
MARK = f"'#!/bin/sh' '{RUN}'"
HOOK = f"printf '%s\\n' {MARK}"
EVIL = f"cp -r .git evil || git init -q --bare evil; git --git-dir=evil config core.bare false; git --git-dir=evil config core.fsmonitor {FS}"
SUB = "git init -q ../lib; git -C ../lib commit -q --allow-empty -m x; git submodule --quiet add ../lib lib; git commit -qm sub"
STATUS = "git status >/dev/null; git diff >/dev/null"


def case(script: str, after: str = STATUS, **more: object) -> tuple[str, dict[str, object]]:
    return script, {"after": after + SEEN, "seconds": 60, **more}


ATTEMPTS = table(
    GROUP,
    {
        "a hook that was not there": case(f"{HOOK} > .git/hooks/post-checkout; chmod +x .git/hooks/post-checkout", "git checkout -q other"),
        "a hook that was there": case(f"echo '{RUN}' > .git/hooks/pre-commit", "git commit -q --allow-empty -m x"),
        "a hook in another folder": case(f"mkdir h; {HOOK} > h/pre-commit; chmod +x h/*; git config core.hooksPath h", "git commit -q --allow-empty -m x"),
        "hooks, linked": case(f"mkdir h; {HOOK} > h/post-checkout; chmod +x h/*; rm -rf .git/hooks; ln -s ../h .git/hooks", "git checkout -q other"),
        "fsmonitor": case(f"git config core.fsmonitor {FS}"),
        "a pager": case(f"git config core.pager '{RUN}; cat'; git config pager.log '{RUN}; cat'", "script -qc 'git log' /dev/null </dev/null >/dev/null"),
        "an alias in a written file": case(f"printf '[alias]\\n\\ts = \"!{RUN}\"\\n' >> .git/config", "git s"),
        "ssh": case(f"git config core.sshCommand '{RUN}; false'; git remote add o ssh://h.test/x", "git fetch o"),
        "an external protocol": case(f"git config protocol.ext.allow always; printf '%s\\n' {MARK} > x; chmod +x x; git remote add o ext::$P/x", "git fetch o"),
        "a credential helper": case("git config credential.helper '!touch $M/ran; true'; git remote add o http://127.0.0.1:1/x", "printf 'url=http://h.test\\n' | git credential fill </dev/null; printf 'protocol=https\\nhost=h.test\\n\\n' | GIT_TERMINAL_PROMPT=0 git credential fill"),
        "a filter": case(f"git config filter.x.clean '{RUN}; cat'; echo '* filter=x' > .gitattributes", "echo y > a; git add a"),
        "a filter by info/attributes": case(f"git config filter.x.clean '{RUN}; cat'; mkdir -p .git/info; echo '* filter=x' > .git/info/attributes", "echo y > a; git add a"),
        "a diff program": case(f"git config diff.external '{RUN}; true'; echo y >> a", "git diff"),
        "textconv": case(f"git config diff.x.textconv '{RUN}; cat'; echo '* diff=x' > .gitattributes; echo y >> a", "git diff"),
        "a merge driver": case(f"git config merge.x.driver '{RUN}; true'; echo '* merge=x' > .gitattributes; git checkout -q other; echo o > a; git commit -qam o; git checkout -q main; echo m > a; git commit -qam m", "git merge -q other"),
        "an editor": case(f"git config core.editor '{RUN}; true'; git config sequence.editor '{RUN}; true'", "export EDITOR=true; git commit --allow-empty; git commit -q --amend"),
        "gpg": case(f"printf '%s\\n' {MARK} > gpg; chmod +x gpg; git config gpg.program $P/gpg; git config commit.gpgSign true", "git commit -q --allow-empty -m x"),
        "a submodule update": case(f"git config submodule.lib.update '!{RUN}'", before=SUB, after= "git submodule update --init --force"),
        "an include of a new file": case(f"printf '[core]\\n\\tfsmonitor = \"{RUN}; false\"\\n' > inc; git config include.path ../inc"),
        "an include by condition": case(f"printf '[core]\\n\\tfsmonitor = \"{RUN}; false\"\\n' > inc; git config 'includeIf.gitdir:/.path' ../inc"),
        "an include that was in the tree": case(f"git config -f inc core.fsmonitor {FS}", before="git config include.path ../inc; touch inc"),
        "an include in the tree, of a folder above": case(f"mv conf c; mkdir conf; git config -f conf/inc core.fsmonitor {FS}", before="mkdir conf; touch conf/inc; git config include.path ../conf/inc"),
        "an include by an include": case(f"git config -f two core.fsmonitor {FS}", before="printf '[include]\\n\\tpath = two\\n' > one; touch two; git config include.path ../one"),
        "a program in the tree that a filter names": case(f"printf '%s\\n' {MARK} cat > clean; cp clean c; mv -f c clean", "echo y > a; git add a", before="printf '#!/bin/sh\\ncat\\n' > clean; chmod +x clean; git config filter.x.clean 'sh ./clean'; echo '* filter=x' > .gitattributes; git add clean .gitattributes; git commit -qm f"),
        "a program in the tree that fsmonitor names": case(f"mv src s; mkdir src; printf '%s\\n' {MARK} > src/watch; chmod +x src/watch", before="printf '#!/bin/sh\\nfalse\\n' > src/watch; chmod +x src/watch; git config core.fsmonitor src/watch"),
        "hooks in the tree, by the user's settings": case(f"mkdir -p .of-the-house; {HOOK} > .of-the-house/pre-commit; chmod +x .of-the-house/*", "git commit -q --allow-empty -m x", before="git config --global core.hooksPath .of-the-house"),
        "the user's settings in the project": case(f"git config -f conf core.fsmonitor {FS}", before='mv ~/.gitconfig conf; ln -s "$P/conf" ~/.gitconfig'),
        "settings in the project, included by the user's": case(f"git config -f conf core.fsmonitor {FS}", before='touch conf; git config --global include.path "$P/conf"'),
        "commondir": case(f"{EVIL}; echo $P/evil > .git/commondir"),
        "config.worktree": case(f"git config extensions.worktreeConfig true; git config -f .git/config.worktree core.fsmonitor {FS}"),
        "config.lock and a rename": case(f"cp .git/config .git/config.lock; git config -f .git/config.lock core.fsmonitor {FS}; mv -f .git/config.lock .git/config"),
        "alternates with a hook": case(f"mkdir -p .git/objects/info; echo $P/o > .git/objects/info/alternates; {EVIL}; mv .git g; mv evil .git"),
        "the folder, exchanged": case(f"#py\nimport shutil\nshutil.copytree('.git', 'evil', symlinks=True)\nsubprocess.run(['git', '--git-dir=evil', 'config', 'core.fsmonitor', {FS}])\nprint(libc.renameat2(-100, b'.git', -100, b'evil', 2), ctypes.get_errno())"),
        "the folder, by a file": case(f"{EVIL}; git --git-dir=evil config core.worktree $P; mv .git g; echo 'gitdir: evil' > .git"),
        "the folder, by a link": case(f"{EVIL}; mv .git g; ln -s evil .git"),
        "the index, a gitlink": case(f"git init -q n; git -C n commit -q --allow-empty -m x; git -C n config core.fsmonitor {FS}; git update-index --add --cacheinfo 160000,$(git -C n rev-parse HEAD),n"),
        "an index of its own making": case(f"git init -q n; git -C n commit -q --allow-empty -m x; git -C n config core.fsmonitor {FS}; GIT_INDEX_FILE=$P/i git add n; cp i .git/index"),
        "a rebase todo": case(f"mkdir -p .git/rebase-merge; cd .git/rebase-merge; echo exec {RUN} > git-rebase-todo; git rev-parse HEAD > onto; cp onto orig-head; echo refs/heads/main > head-name; touch done interactive; echo 1 > end; echo 0 > msgnum", "GIT_EDITOR=true git rebase --continue"),
        "a bisect": case(f"git config bisect.x 1; echo '{RUN}' > .git/BISECT_RUN; printf '#!/bin/sh\\n{RUN}\\n' > .git/hooks/reference-transaction; chmod +x .git/hooks/reference-transaction", "git branch third"),
        "a submodule's config": case(f"git config -f .git/modules/lib/config core.fsmonitor {FS}", before=SUB),
        "a submodule's hooks": case(f"mkdir -p .git/modules/lib/hooks; {HOOK} > .git/modules/lib/hooks/post-checkout; chmod +x .git/modules/lib/hooks/*", "git -C lib checkout -q -b x", before=SUB),
        "a submodule's file": case(f"cp -r .git/modules/lib e; git config -f e/config core.fsmonitor {FS}; git config -f e/config core.worktree $P/lib; rm -f lib/.git; echo 'gitdir: ../e' > lib/.git || {{ mv lib l; mkdir lib; cp -r l/* lib; echo 'gitdir: ../e' > lib/.git; }}", before=SUB),
        "a nested repository": case(f"git init -q src/n; git -C src/n config core.fsmonitor {FS}", "git -C src/n status"),
        "a nested repository that is a file": case(f"git init -q e; git -C e config core.fsmonitor {FS}; git -C e config core.worktree $P/src; mv e/.git src/g; echo 'gitdir: g' > src/.git", "git -C src status"),
        "a bare repository in a folder": case(f"git init -q --bare src/b; git -C src/b config core.bare false; git -C src/b config core.worktree ..; git -C src/b config core.fsmonitor {FS}", "git -C src/b status"),
        "parts of a bare repository": case(f"mkdir -p docs/objects docs/refs; echo 'ref: refs/heads/x' > docs/HEAD; printf '[core]\\n\\trepositoryformatversion = 0\\n\\tbare = false\\n\\tworktree = .\\n\\tfsmonitor = \"{RUN}; false\"\\n' > docs/config", "git -C docs status"),
        "a bare repository of links": case(f"git init -q --bare b; mkdir src/b; ln -s $P/b/objects $P/b/refs src/b; echo 'ref: refs/heads/x' > src/b/HEAD; printf '[core]\\n\\trepositoryformatversion = 0\\n\\tbare = false\\n\\tworktree = .\\n\\tfsmonitor = \"{RUN}; false\"\\n' > src/b/config; rm b/HEAD", "git -C src/b status"),
        "a bare repository in two places": case(f"mkdir -p src/b src/c/objects src/c/refs; echo 'ref: refs/heads/x' > src/b/HEAD; echo ../c > src/b/commondir; printf '[core]\\n\\trepositoryformatversion = 0\\n\\tbare = true\\n[alias]\\n\\tst = !{RUN}\\n' > src/c/config", "git -C src/b st"),
        "hooks of a repository further down": case(f"{HOOK} > src/x/n/.git/hooks/post-checkout; chmod +x src/x/n/.git/hooks/*", "git -C src/x/n checkout -q -b y", before="git init -q src/x/n; git -C src/x/n commit -q --allow-empty -m x; mkdir -p src/x/n/.git/hooks"),
        "hooks of a repository further down, by a link": case(f"mkdir e; {HOOK} > e/post-checkout; chmod +x e/*; mv src/x/n/.git/hooks src/x/n/.git/h; ln -s $P/e src/x/n/.git/hooks", "git -C src/x/n checkout -q -b y", before="git init -q src/x/n; git -C src/x/n commit -q --allow-empty -m x; mkdir -p src/x/n/.git/hooks"),
        "hooks of a repository further down, in its tree": case(f"{HOOK} > src/x/n/h/post-checkout", "git -C src/x/n checkout -q -b y", before="git init -q src/x/n; cd src/x/n; git commit -q --allow-empty -m x; mkdir h; printf '#!/bin/sh\\n' > h/post-checkout; chmod +x h/*; git config core.hooksPath h"),
        "settings that a repository further down includes": case(f"git config -f src/x/n/i core.fsmonitor {FS}", "git -C src/x/n status", before="git init -q src/x/n; cd src/x/n; git commit -q --allow-empty -m x; touch i; git config include.path ../i"),
        "a repository where there is none": case(f"git init -q .; git config core.fsmonitor {FS}", git=""),
        "a bare one where there is none": case(f"git init -q --bare .; git config core.bare false; git config core.worktree .; git config core.fsmonitor {FS}", git=""),
        "a file where there is none": case(f"git init -q e; git -C e config core.fsmonitor {FS}; git -C e config core.worktree $P; mv e/.git g; echo 'gitdir: g' > .git", git=""),
        "a name that folds to .git": case(f"git init -q e; git -C e config core.fsmonitor {FS}; mv e/.git src/.GIT; ln -s .GIT src/.git", "git -C src status"),
        "a commit that holds .git": case(f"echo '{RUN}' > x; b=$(git hash-object -w x); t=$(printf '100755 blob %s\\tpost-checkout\\n' $b | git mktree); t=$(printf '040000 tree %s\\thooks\\n' $t | git mktree); t=$(printf '040000 tree %s\\t.git\\n' $t | git mktree --missing); git update-ref refs/heads/evil $(git commit-tree -m x $t)", "git cat-file -e evil^{tree} && git ls-tree -r evil | grep -q .git/hooks && touch $M/ran"),
        "a commit with a link and a folder through it": case("ln -s .git g; git add g; git commit -qm l; b=$(echo x | git hash-object -w --stdin); git update-index --add --cacheinfo 100644,$b,.git/x; git -c core.protectNTFS=false update-index --index-version 4; ln -s ../../.netrc n; git add n; git commit -qm n", "[ -L n ] && git cat-file -p HEAD:n | grep -q netrc && ls -lL n >/dev/null && touch $M/ran", words=("--review",)),
        "a replaced object": case("git replace -f HEAD other 2>/dev/null; git commit-tree -m evil HEAD^{tree} | xargs git replace -f HEAD", "git replace -l | grep -q . && touch $M/ran"),
        "a graft and a shallow file": case("git commit -q --allow-empty -m two; git rev-parse HEAD > .git/shallow", "[ -e .git/shallow ] && touch $M/ran"),
        "a ref with a name that is an option": case("mkdir -p .git/refs/heads; git rev-parse HEAD > '.git/refs/heads/--upload-pack=touch'; git rev-parse HEAD > .git/refs/heads/-x", "ls .git/refs/heads | grep -q -- ^- && touch $M/ran"),
        "a ref outside of refs": case("git rev-parse HEAD > .git/EVIL_HEAD; git symbolic-ref HEAD refs/heads/../../config; echo 'ref: refs/../config' > .git/HEAD", "{ [ -e .git/EVIL_HEAD ] || grep -q config .git/HEAD; } && touch $M/ran"),
        "branches of others, rewritten": case("git update-ref -d refs/remotes/o/main; git push -q o +HEAD:main; git push -q o :main", "git ls-remote ../o.git | grep -q main || touch $M/ran", before="git init -q --bare ../o.git; git remote add o $H/work/o.git; git push -q o main"),
        "a worktree's file": case("cd ../wt && cp -r ../proj/.git e; git --git-dir=e config core.fsmonitor 'touch $M/ran; false'; git --git-dir=e config core.worktree $H/work/wt; rm -f .git; echo 'gitdir: e' > .git", "cd ../wt; git status", before="git worktree add -q ../wt"),
        "another repository of the host": case(f"git -C ../other config core.fsmonitor {FS}; {HOOK} > ../other/.git/hooks/post-checkout", "git -C ../other status", before="git init -q ../other"),
        "templates and the user's settings": case(f"git config --global core.fsmonitor {FS}; git config --global core.hooksPath $P/h; mkdir -p ~/.config/git; git config -f ~/.config/git/config core.fsmonitor {FS}"),
        "the settings of a tool for large files": case("printf '[lfs]\\n\\turl = http://h.test\\n' > .lfsconfig", "[ -e .lfsconfig ] && touch $M/ran"),
        "hg beside git": case(f"mkdir -p .hg; printf '[hooks]\\npre-status = {RUN}\\n' > .hg/hgrc", "[ -e .hg/hgrc ] && touch $M/ran"),
        "jj beside git": case(f"mkdir -p .jj/repo; printf '[ui]\\npager = \"{RUN}\"\\n' > .jj/repo/config.toml", "[ -e .jj/repo/config.toml ] && touch $M/ran"),
    },
)  # fmt: skip
