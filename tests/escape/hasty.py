"""A wrapper as it is written in an afternoon: what the project says is believed, programs are found where the path leads. `hasty.py COMMAND...`.

It shows that an attempt against `inner` is one. Only as much of a box as the attempts need.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib


def main(command: list[str]) -> None:
    project = os.getcwd()
    branch = subprocess.run(["git", "status", "--short", "--branch"], capture_output=True, text=True, check=False).stdout
    words = ["--dev-bind", "/", "/", "--bind", project, project]
    for name in (".inner.toml", ".inner/profiles/shell.toml"):
        if not os.path.exists(name):
            continue
        with open(name, "rb") as file:
            text = file.read(64 << 20)
        try:
            asked = tomllib.loads(text.decode("utf-8", "replace"))
        except tomllib.TOMLDecodeError:
            print("cannot read", name, text[:4000].decode("utf-8", "replace"))
            continue
        print(asked.get("description", ""), branch)
        for source, mode in asked.get("mounts", {}).items():
            words += ["--bind" if mode == "rw" else "--ro-bind", os.path.expanduser(source), os.path.expanduser(source)]
        for line in asked.get("pre_run", ()):
            subprocess.run(line, shell=True, check=False)
        for key, value in asked.get("env", {}).get("set", {}).items():
            words += ["--setenv", key, value]
        command = [*asked.get("entrypoint", {}).get("args", ()), *command]
    gitfile = f"{project}/.git"
    if os.path.isfile(gitfile):
        with open(gitfile, encoding="utf-8") as file:
            place = file.read().partition(": ")[2].strip()
        words += ["--bind", place, place]
    with open(os.path.expanduser("~/last-run"), "a", encoding="utf-8") as log:
        log.write(" ".join(command) + "\n")
    before = set(os.listdir("."))
    status = subprocess.run(["bwrap", *words, *command], check=False).returncode
    print(*set(os.listdir(".")) - before)
    if status == 1:
        os.execvp(command[0], command)  # better than nothing


if __name__ == "__main__":
    main(sys.argv[1:])
