"""Each agent at the terminal, in its built-in profile: started, given a task, resized, interrupted, left. And the terminal is the
user's again afterwards.
"""

from __future__ import annotations

import re
import shlex

import pytest
from model_api import DONE
from terminal import Terminal
from test_one_shot import WRITE, flags

# agent: arguments, what the screen has when it is ready, and between two tasks, what it has after an interruption, how it is left
AGENTS = {
    "claude": (["--dangerously-skip-permissions"], "bypass permissions on", "bypass permissions on", "❯ again", ("C-c", "C-c")),
    "codex": (["-m", "gpt-5"], "Ask Codex to do anything", "Ask Codex to do anything", "interrupted", ("C-c",)),
    "gemini": (["--yolo"], "Type your message", "Type your message", "cancelled", ("C-c", "C-c")),
    "opencode": (["-m", "anthropic/claude-sonnet-4-5"], "Ask anything", r"ctrl\+p", "interrupted", ("C-c",)),
    "aider": (["--yes-always"], "^>$", "^>$", "^>$", ("/exit", "Enter")),
}


@pytest.mark.parametrize("agent", AGENTS)
def test_it_works_at_the_terminal_and_gives_it_back(world, api, agent):
    arguments, ready, idle, interrupted, leave = AGENTS[agent]
    model = api(WRITE)
    words, env = flags(agent, model.port)
    before = world.tree()
    shell = world.command()
    kept = set(world.tree()) - set(before)
    with Terminal(world.project, {**shell, **env}, beside=world.home.parent) as terminal:
        state, modes = terminal.state(), terminal.modes()
        terminal.run(f"inner run -p {agent}-interactive {shlex.join(words)} -- {shlex.join(arguments)}; echo status=$?")
        terminal.wait(ready)
        ask(terminal, model, "write a greeting")
        screen = terminal.wait(rf"(?<!'){DONE}(?!')")  # in quotes it is the message of the command that is shown
        terminal.until(
            lambda _: (world.project / "hello.txt").exists()
        )  # the model was asked for a title as well, and may have it first
        assert (world.project / "hello.txt").read_text() == "hello from the box\n"
        terminal.resize(60, 20)
        terminal.wait(idle)
        terminal.until(lambda text: text and max(map(len, text.splitlines())) <= 60)  # between two pictures there may be none
        model.delay = 20.0  # seconds between two pieces of the answer: whoever is back before has been interrupted
        ask(terminal, model, "again")
        for _ in range(10):  # a key that comes before the program looks for it is lost; opencode wants two
            if not re.search(interrupted, terminal.screen, re.MULTILINE):
                terminal.key("C-c" if agent == "aider" else "Escape")
                terminal.pause(1)
        terminal.wait(interrupted, seconds=15)
        model.delay = 0.0
        for _ in range(6):  # the first may clear what is typed, the second ask whether it is meant
            for key in leave if "status=" not in terminal.screen else ():
                (terminal.type if key.startswith("/") else terminal.key)(key)
                terminal.pause(0.3)
            terminal.pause(1)
        terminal.wait(r"^status=0$")
        assert (terminal.state(), terminal.modes()) == (state, modes)
    assert world.tree().keys() - kept == before.keys()
    assert {name: world.tree()[name] for name in before} == before
    assert world.git("log", "-1", "--format=%an", "--", "hello.txt").startswith("A User")
    assert DONE in screen


def ask(terminal, model, text):
    """Type it and send it: until the model has it, because what comes at once is taken for something pasted."""
    so_far = len(model.seen)
    terminal.type(text)
    terminal.wait(text)
    for _ in range(20):
        terminal.pause(0.5)
        if len(model.seen) > so_far:
            return
        terminal.key("Enter")
        terminal.pause(0.5)
    raise AssertionError(terminal.screen)


def test_a_full_screen_program_that_is_ended_leaves_the_terminal_as_it_was(world, api):
    model = api()
    words, env = flags("opencode", model.port)
    with Terminal(world.project, {**world.command(), **env}, beside=world.home.parent) as terminal:
        state, modes = terminal.state(), terminal.modes()
        terminal.run(f"inner run -p opencode-interactive {shlex.join(words)}; echo status=$?")
        terminal.wait("Ask anything")
        assert "alternate=1" in terminal.state()
        terminal.kill("opencode")
        terminal.wait(r"^status=137$")
        assert (terminal.state(), terminal.modes()) == (state, modes)
