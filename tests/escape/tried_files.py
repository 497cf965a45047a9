"""Files of the host that no box is to read: of the home, of the system, of scratch space."""

from __future__ import annotations

from attempt import table

GROUP = "files"

# Which files hold the token is said in `stage.HOLDS`.
KINDS = {
    "ssh keys": ".ssh/id_ed25519 .ssh/config",
    "gpg keys": ".gnupg/private-keys-v1.d/a.key",
    "netrc": ".netrc",
    "aws": ".aws/credentials .aws/sso/cache/a.json",
    "gcloud": ".config/gcloud/credentials.db",
    "azure": ".azure/msal_token_cache.json",
    "kubernetes": ".kube/config",
    "docker": ".docker/config.json",
    "npm and yarn": ".npmrc .yarnrc.yml",
    "pypi": ".pypirc .config/pip/pip.conf",
    "cargo": ".cargo/credentials.toml",
    "maven and gradle": ".m2/settings.xml .gradle/gradle.properties",
    "gem and composer": ".gem/credentials .config/composer/auth.json",
    "terraform and vault": ".terraform.d/credentials.tfrc.json .vault-token",
    "helm": ".config/helm/registry/config.json",
    "password managers": ".password-store/a.gpg .config/op/config '.config/Bitwarden CLI/data.json'",
    "keyrings": ".local/share/keyrings/login.keyring .local/share/kwalletd/kdewallet.kwl",
    "histories": ".bash_history .zsh_history .python_history .psql_history .lesshst .local/share/fish/fish_history",
    "logins of agents": ".claude/.credentials.json .claude.json .codex/auth.json .gemini/oauth_creds.json .config/github-copilot/hosts.json",
    "git hosts": ".config/gh/hosts.yml .config/hub .git-credentials .config/git/credentials",
    "browsers and mail": ".mozilla/firefox/a.default/logins.json .config/google-chrome/Default/Cookies .thunderbird/a/key4.db",
    "applications nobody listed": ".config/unknown-app/token .local/share/unknown2/token .cache/unknown3/token .local/state/unknown4/token",
    "cookies of the display": ".Xauthority .ICEauthority",
    "databases": ".pgpass .my.cnf",
    "storage": ".config/rclone/rclone.conf .s3cfg .boto",
    "wallets": ".electrum/wallets/default .bitcoin/wallet.dat",
    "documents": "Documents/taxes .env",
    "another project": "work/other/.env work/other/notes",
    "flatpak and snap": ".var/app/org.x/data/token snap/x/common/token",
    "inner's own settings": ".config/inner/secret",
    "what lies among toolchains": ".rustup/toolchains/token .nvm/alias/token",
}
ATTEMPTS = table(GROUP, {f"read {name}": f'cd "$H"; cat {paths}' for name, paths in KINDS.items()})

ATTEMPTS += table(
    GROUP,
    {
        "read a token that git's configuration holds": 'git config --show-origin -l; cat "$H/.gitconfig" ~/.gitconfig ~/.config/git/config',
        "search the whole tree": "for d in \"$H\" /home /tmp /etc /opt /root /run /srv /mnt /media /var; do timeout 2 grep -rIs 'secret = [0-9a-f]*$' $d && break; done",
        "climb out of the project": "cat ../../.netrc ../other/notes ../../../home/.netrc",
        "list the home": 'ls -A "$H" | grep -qx .password-store && got names',
        "list other projects": 'ls -A .. | grep -qx other && got names',
        "guess names with globs": 'for f in "$H"/.*/c*; do [ -e "$f" ] && got "$f"; done',
        "ask whether a file is there": '[ -e "$H/.netrc" ] && got it is there; stat "$H/.ssh/id_ed25519" && got it is there',
        "follow a link that the project brought": ("cat l/.netrc m", {"before": 'ln -s "$H" l; ln -s "$H/.ssh/id_ed25519" m'}),
        "follow a link that it made": 'ln -s "$H/.netrc" n && cat n',
        "follow a link through the root of process 1": "cat /proc/1/root/$H/.netrc /proc/self/root$H/.netrc /proc/1/cwd/../../.netrc",
        "climb from the working folder of the kernel": "cat /proc/self/cwd/../../.netrc /proc/self/cwd/../other/notes",
        "open by the name of a descriptor": "cat /proc/self/fd/*/../../.netrc /dev/fd/0/../.netrc; cat /proc/self/cwd/../other/notes",
        "read what is hidden in a copy of all of it": ("cd /opt/copy || cd \"$H\"; cat .netrc .ssh/id_ed25519 .config/gh/hosts.yml .aws/credentials .claude/.credentials.json", {"profile": '[mounts]\n"~" = { dest = "/opt/copy", mode = "safe-rw" }\n'}),
        "read what is hidden in a copy of a part": ("cd /opt/copy || cd \"$H/.config\"; cat gh/hosts.yml */credentials* */*.yml", {"profile": '[mounts]\n"~/.config" = { dest = "/opt/copy", mode = "safe-rw" }\n'}),
        "read scratch space": "cat /tmp/$T /var/tmp/$T",
        "read shared memory": "cat /dev/shm/$T",
        "read the homes of others": 'ls /home /root; for d in $(ls -d /home/*); do [ "$d" = "$H" ] || case $H in "$d"/*) ;; *) got "$d" ;; esac; done; [ -e /var/lib/dpkg/status ] && got packages',
        "read logs": "ls -d /var/log/* >/dev/null && got logs",
        "read service data": "ls -d /var/lib/* /var/cache/* /var/spool/* && got data",
        "read backups and boot": "ls -d /var/backups /boot /srv /mnt /media && got folders",
        "learn how the machine is made": "cat /etc/fstab /etc/hostname && got files",
        "learn what the system runs": "ls /etc/init.d/* /etc/systemd/* /etc/cron* && got services",
        "read the ssh client's and server's settings": ("ls /etc/ssh/* && got settings", {"needs": lambda: _there("/etc/ssh")}),
        "learn the names of users": "cut -d: -f1 /etc/passwd | grep -qx www-data && got names; getent passwd games && got games",
        "learn the names of groups": "cut -d: -f1 /etc/group | grep -qx adm && got names",
        "learn who owns files": "#py\nimport glob, pwd\nowners = set()\nfor path in ('/', '/home', '/tmp', os.path.dirname(E['H']), E['H']):\n    for name in os.listdir(path) if os.path.isdir(path) else ():\n        try: owners.add(os.lstat(path + '/' + name).st_uid)\n        except OSError: pass\nif owners - {os.getuid(), 65534, 0} or 0 in owners and os.getuid(): got(owners) if len(os.listdir('/home')) and '/tmp' and any(os.path.exists(p) for p in ('/var/lib', '/root')) else print(owners)",
        "read devices of disks": ("ls /dev/sd* /dev/vd* /dev/nvme* /dev/mem /dev/kmsg /dev/tty0 /dev/loop-control /dev/fuse && got devices; ls /dev | grep -qE '^(kmsg|mem|fuse|loop-control|vd.|kvm|tty0)$' && got devices", {"needs": lambda: _there("/dev/kmsg") or _there("/dev/fuse") or _there("/dev/mem")}),
        "learn the resolver of the machine": ("cat /etc/resolv.conf | grep -q . && got resolver", {"needs": lambda: _there("/etc/resolv.conf")}),
        "read a file with a hole in a pattern": 'cd "$H" && for d in .c* .l*; do cat "$d"/*/* 2>/dev/null; done',
        "copy with another program": 'python3 -c "print(open(\'$H/.netrc\').read())"; perl -e "open F, \'$H/.netrc\'; print <F>"; dd if="$H/.netrc"; git diff --no-index /dev/null "$H/.netrc"',
        "have the file loaded as something else": 'gcc -E -xc "$H/.netrc"; node "$H/.netrc"; bash "$H/.netrc"; git config -f "$H/.netrc" -l; curl -s "file://$H/.netrc"; git clone "file://$H/work/other" x',
        "read the project's neighbours through git": 'git -C "$H" status; GIT_DIR=$P/.git git --work-tree="$H" ls-files -o "$H" | grep -q netrc && got names',
    },
)  # fmt: skip


def _there(path: str) -> bool:
    import os

    return os.path.exists(path) and (not os.path.isdir(path) or bool(os.listdir(path)))
