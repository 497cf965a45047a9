"""`inner completion bash|zsh|fish`: a script for the shell, made from the commands as they are. It asks `inner __complete` for what
is only known while somebody types.
"""

from __future__ import annotations

import typer

from inner.errors import UsageError
from inner.frozen import TYPE_CHECKING, replace
from inner.guard import guard

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

    from inner.commands.tree import Node

PLACES = {
    "bash": "~/.local/share/bash-completion/completions/inner",
    "zsh": "~/.zfunc/_inner, with `fpath+=(~/.zfunc)` before `compinit`",
    "fish": "~/.config/fish/completions/inner.fish",
}
LIVING = {"stop", "exec", "attach", "approvals"}


def add(app: typer.Typer) -> None:
    """Add the command to the application."""

    @app.command(help="Print a completion script. For bash: `inner completion bash > " + PLACES["bash"] + "`.")
    def completion(context: typer.Context, shell: str = typer.Argument(..., metavar="bash|zsh|fish", help="The shell.")) -> None:
        raise typer.Exit(guard(lambda: show(shell, context.find_root().command)))


def show(shell: str, application: Any) -> int:
    """Print the script."""
    from inner import ui
    from inner.commands.tree import nodes

    scripts = {"bash": bash, "zsh": zsh, "fish": fish}
    if shell not in scripts:
        raise UsageError(f"there is no script for `{shell}`", hint="bash, zsh or fish")
    ui.out(scripts[shell](_with_agents(nodes(application))))
    return 0


def _with_agents(nodes: tuple[Node, ...]) -> tuple[Node, ...]:
    """And the words that start an agent: what follows one is the agent's, of which only files can be guessed."""
    from inner.config.words import WORDS

    root, *rest = nodes
    agents = [replace(root, path=(*root.path, name), help=f"Start {name} in a box of the project here.", below=(), options=(),
                      operands=("PATH",)) for name in WORDS]  # fmt: skip
    return (replace(root, below=tuple(sorted((*root.below, *WORDS)))), *rest, *agents)


def kind(word: str, path: Iterable[str]) -> str:
    """What stands for a value or an operand called `word`: "profiles", "runs", "living", "files", "" for what nobody can guess."""
    path = tuple(path)
    if word in ("NAME", "[NAME|PATH]", "NAME|PATH", "SRC", "A", "B") and (path[1:] != ("profile", "new") or word == "NAME|PATH"):
        return "profiles"
    if "ID" in word.strip("[]").split("]")[0].split() or word == "[RUN]":
        return "living" if path[-1] in LIVING else "runs"
    return "files" if any(part in word for part in ("PATH", "FILE", "SRC:")) else ""


def _values(nodes: Iterable[Node]) -> Iterator[tuple[str, str, str]]:
    """(command, option, kind) of each option that takes a value."""
    for node in nodes:
        for option in node.options:
            if option.value:
                for name in option.names:
                    yield " ".join(node.path), name, kind(option.value, node.path) or "none"


def _cases(nodes: tuple[Node, ...]) -> tuple[str, str, str]:
    """The tables of the scripts for bash and zsh, as branches of `case`: words below a command, values of options, operands."""
    words, values, operands = [], [], []
    for node in nodes:
        offered = [*node.below, *(name for option in node.options for name in option.names)]
        words.append(f'    "{" ".join(node.path)}") offered="{" ".join(offered)}" below="{" ".join(node.below)}" ;;')
        found = next((kind(operand, node.path) for operand in node.operands), "")
        if found:
            operands.append(f'    "{" ".join(node.path)}") operand={found} ;;')
    for path, name, found in _values(nodes):
        values.append(f'    "{path} {name}") value={found} ;;')
    return "\n".join(words), "\n".join(values), "\n".join(operands)


SHARED = """# Where the words before the one that is typed lead: `walked` is the command, `value` what its last option waits for.
_inner_words() {{
  case "$1" in
{words}
    *) offered="" below="" ;;
  esac
}}
_inner_value() {{
  value=""
  case "$1" in
{values}
  esac
}}
_inner_operand() {{
  operand=""
  case "$1" in
{operands}
  esac
}}
_inner_walk() {{
  walked=inner value="" command=""
  local word offered below
  for word in "$@"; do
    if [[ -n $value ]]; then value=""; continue; fi
    if [[ $word == -- ]]; then command=yes; return; fi
    if [[ $word == -* ]]; then _inner_value "$walked $word"; continue; fi
    _inner_words "$walked"
    if [[ " $below " == *" $word "* ]]; then walked="$walked $word"; fi
  done
}}
"""


def bash(nodes: tuple[Node, ...]) -> str:
    """For bash 4 or later."""
    words, values, operands = _cases(nodes)
    return (
        "# bash completion for inner; `inner completion bash` prints it\n"
        + SHARED.format(words=words, values=values, operands=operands)
        + """_inner() {
  local current=${COMP_WORDS[COMP_CWORD]} walked value command offered below operand at
  COMPREPLY=()
  _inner_walk "${COMP_WORDS[@]:1:COMP_CWORD-1}"
  if [[ -n $command ]]; then
    for ((at = 1; at < COMP_CWORD; at++)); do [[ ${COMP_WORDS[at]} == -- ]] && break; done
    if declare -F _command_offset >/dev/null; then _command_offset $((at + 1)); return; fi
    if ((at + 1 == COMP_CWORD)); then COMPREPLY=($(compgen -c -- "$current")); else COMPREPLY=($(compgen -f -- "$current")); fi
    return
  fi
  if [[ -z $value && $current != -* ]]; then _inner_operand "$walked"; value=$operand; fi
  case "$value" in
    profiles | runs | living) COMPREPLY=($(compgen -W "$(inner __complete "$value" 2>/dev/null)" -- "$current")) ;;
    files) compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$current")) ;;
    none) ;;
    *) _inner_words "$walked"
      COMPREPLY=($(compgen -W "$([[ $current == -* || -z $below ]] && echo "$offered" || echo "$below")" -- "$current")) ;;
  esac
}
complete -F _inner inner"""
    )


def zsh(nodes: tuple[Node, ...]) -> str:
    """For zsh 5 or later."""
    words, values, operands = _cases(nodes)
    return (
        "#compdef inner\n# zsh completion for inner; `inner completion zsh` prints it\n"
        + SHARED.format(words=words, values=values, operands=operands)
        + """_inner() {
  local current=${words[CURRENT]} walked value command offered below operand at
  _inner_walk "${(@)words[2,CURRENT-1]}"
  if [[ -n $command ]]; then
    at=${words[(i)--]}
    words=("${(@)words[at+1,-1]}"); ((CURRENT -= at))
    _normal
    return
  fi
  if [[ -z $value && $current != -* ]]; then _inner_operand "$walked"; value=$operand; fi
  case "$value" in
    profiles | runs | living) compadd -- ${(f)"$(inner __complete "$value" 2>/dev/null)"} ;;
    files) _files ;;
    none) ;;
    *) _inner_words "$walked"
      if [[ $current == -* || -z $below ]]; then compadd -- ${=offered}; else compadd -- ${=below}; fi ;;
  esac
}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then _inner "$@"; else compdef _inner inner; fi"""
    )


def fish(nodes: tuple[Node, ...]) -> str:
    """For fish 3 or later."""
    groups = [node for node in nodes if node.below and len(node.path) > 1]
    lines = [
        "# fish completion for inner; `inner completion fish` prints it",
        "complete -c inner -f",
        f"set -g __inner_commands {' '.join(nodes[0].below)}",
    ]
    for node in nodes:
        here = "not __fish_seen_subcommand_from $__inner_commands"
        if len(node.path) > 1:
            here = f"__fish_seen_subcommand_from {node.path[1]}"
        if len(node.path) > 2:
            here += f"; and __fish_seen_subcommand_from {node.path[2]}"
        elif node in groups:
            here += f"; and not __fish_seen_subcommand_from {' '.join(node.below)}"
        for name in node.below:
            text = next(one.help for one in nodes if one.path == (*node.path, name))
            lines.append(f"complete -c inner -n {_quoted(here)} -a {name} -d {_quoted(_brief(text))}")
        for option in node.options:
            names = " ".join(f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}" for name in option.names)
            given = {"profiles": " -x -a '(inner __complete profiles)'", "files": " -r -F", "": " -x"}.get(
                kind(option.value, node.path), " -x"
            )
            given = given if option.value else ""
            lines.append(f"complete -c inner -n {_quoted(here)} {names}{given} -d {_quoted(_brief(option.help))}")
        found = next((kind(operand, node.path) for operand in node.operands), "")
        if found == "files":
            lines.append(f"complete -c inner -n {_quoted(here)} -F")
        elif found:
            lines.append(f"complete -c inner -n {_quoted(here)} -a '(inner __complete {found})'")
    return "\n".join(lines)


def _brief(text: str) -> str:
    return text.partition("\n")[0].partition(". ")[0].rstrip(".")


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
