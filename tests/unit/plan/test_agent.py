"""What an agent brings into a plan: nothing secret, nothing that the profile did not give, nothing for a program of the project."""

import pytest

from inner import agents
from inner.errors import ConfigError
from inner.facts import Facts
from inner.frozen import replace
from inner.host import Stat
from inner.plan.agent import PLACEHOLDER
from inner.plan.build import build
from inner.plan.model import Bind, Data, Tmpfs
from inner.profile.model import AgentSpec, Credential, Entrypoint, Env, LoginSpec, MountSpec, Profile, Sandbox
from inner.request import Request

HOME, PROJECT = "/home/user", "/home/user/project"
SECRET = b'{"claudeAiOauth": {"accessToken": "SECRET", "expiresAt": 1}}'
TREE = {
    "/usr/bin/bash": ("file", b"\x7fELF"), "/usr/bin/codex": ("file", b"\x7fELF"), "/usr/bin/gemini": ("file", b"\x7fELF"),
    "/usr/bin/claude": ("file", b"\x7fELF"), "/usr/bin/house": ("file", b"\x7fELF"), "/bin": "link:usr/bin", PROJECT: "dir",
    f"{HOME}/.claude/.credentials.json": ("file", SECRET), f"{HOME}/.claude.json": ("file", b'{"oauthAccount": {}}'),
    f"{HOME}/.codex/auth.json": ("file", b"{}"), f"{HOME}/.house/auth.json": ("file", b"{}"),
}  # fmt: skip
ALLOWLIST = Sandbox(network_mode="allowlist", network_allow=("example.org",))


def plan(command="", *, sandbox=ALLOWLIST, words=(), tree=TREE, env=None, cwd=PROJECT, **profile):
    host = Facts(tree, env={"PATH": "/usr/bin", "HOME": HOME, "SHELL": "/bin/bash", **(env or {})}, cwd=cwd)
    made = Profile("test", sandbox=sandbox, entrypoint=Entrypoint(cmd=command), **profile)
    return build(made, Request(words=words), host, terminal=False, run_dir="/state/runs/1")


def variables(made):
    return {variable.name: variable.value for variable in made.env}


def file(made, path):
    return next((m for m in made.mounts if m.dest == f"{HOME}/{path}"), None)


def test_the_profile_names_its_agent():
    made = plan("bash", agents=("claude",))
    assert made.agents == ("claude",)
    assert variables(made)["DISABLE_AUTOUPDATER"] == "1"
    assert isinstance(file(made, ".claude/settings.json"), Data)
    assert "api.anthropic.com" in made.network.allow


@pytest.mark.parametrize("words", [("claude",), ("/usr/bin/claude", "-p", "x")])
def test_a_command_is_recognised(words):
    assert plan(words=words).agents == ("claude",)


def test_any_other_command_gets_nothing():
    made = plan(words=("bash",))
    assert (made.agents, made.private, made.network.allow) == ((), (), ("example.org",))


def test_an_agent_that_nobody_defines_is_refused():
    with pytest.raises(ConfigError, match="no agent called `clod`"):
        plan("bash", agents=("clod",))


def test_no_login_is_in_a_plan():
    made = plan("claude", agents=("claude",))
    assert b"SECRET" not in repr(made).encode()
    (login,) = [p for p in made.private if p.dest.endswith(".credentials.json")]
    assert [(source, one.keep) for source, one in login.logins] == [(f"{HOME}/.claude/.credentials.json", ("claudeAiOauth",))]
    mount = file(made, ".claude/.credentials.json")
    assert (mount.content, mount.perms, mount.mode) == (b"", 0o600, "rw")


def test_what_is_copied_is_named_key_by_key():
    """A login file that is copied whole holds nothing but logins: opencode's, one entry for each provider."""
    whole = {(name, one.path) for name in agents.NAMES for one in agents.agent(name).LOGINS if not one.keep}
    assert whole == {("opencode", ".local/share/opencode/auth.json")}
    kept = {key for name in agents.NAMES for one in agents.agent(name).LOGINS for key in one.keep}
    assert not kept & {"hooks", "mcpServers", "projects", "history", "env", "permissions", "apiKeyHelper", "statusLine", "notify"}


def test_a_key_takes_the_place_of_the_login():
    made = plan("claude", agents=("claude",), env={"ANTHROPIC_API_KEY": "k" * 40})
    assert file(made, ".claude/.credentials.json")  # not passed by the profile: the login it is
    host_env = {"ANTHROPIC_API_KEY": "k" * 40}
    passed = plan_with_env(Env(passthrough=("ANTHROPIC_API_KEY",)), host_env)
    assert file(passed, ".claude/.credentials.json") is None
    (approved,) = passed.private
    assert approved.approved[0][1].value is None  # by name: not even its end is in the plan
    assert "k" * 20 not in repr(passed)


def plan_with_env(env, host_env):
    host = Facts(TREE, env={"PATH": "/usr/bin", "HOME": HOME, **host_env}, cwd=PROJECT)
    profile = Profile("test", sandbox=ALLOWLIST, entrypoint=Entrypoint(cmd="claude"), env=env, agents=("claude",))
    return build(profile, Request(), host, terminal=False, run_dir="/state/runs/1")


@pytest.mark.parametrize("sandbox", [replace(ALLOWLIST, login="off"), Sandbox(network_mode="off")])
def test_no_login_where_it_is_not_wanted_or_of_no_use(sandbox):
    made = plan("claude", agents=("claude",), sandbox=sandbox)
    assert file(made, ".claude/.credentials.json") is None
    assert not [p for p in made.private if p.logins]
    assert bool([n for n in made.notices if "no login" in n]) == (sandbox.network_mode == "off")


def test_a_box_without_network_stays_one():
    made = plan(words=("claude",), sandbox=Sandbox())
    assert (made.network.mode, made.network.allow) == ("off", ())
    assert any("inner run -p claude-interactive" in notice for notice in made.notices)


def test_hosts_come_with_an_allowlist_and_say_who_brought_them():
    made = plan(words=("codex",))
    assert made.network.allow == ("example.org", *agents.agent("codex").HOSTS)
    assert {who for _, who in made.network.brought} == {"agent codex"}
    assert plan(words=("codex",), sandbox=Sandbox(network_mode="full")).network.allow == ()


def test_telemetry_and_updates_are_in_no_box():
    for name in agents.NAMES:
        assert not set(agents.agent(name).OPTIONAL) & set(agents.agent(name).HOSTS)


@pytest.mark.parametrize("words", [("./claude",), (f"{PROJECT}/claude",), ("link",)])
def test_a_program_of_the_project_gets_no_login_by_its_name(words):
    tree = {**TREE, f"{PROJECT}/claude": Stat("file", 0o755, 1000, 1000, 4)}
    if words == ("link",):
        tree["/usr/bin/claude"] = "link:/home/user/project/claude"
    made = plan(words=("claude",) if words == ("link",) else words, tree=tree)
    assert (made.agents, made.private) == ((), ())
    assert file(made, ".claude/.credentials.json") is None
    assert any("out of the project" in notice for notice in made.notices)


def test_what_the_profile_says_goes_before_the_agent():
    made = plan("claude", agents=("claude",), env={"DISABLE_AUTOUPDATER": "x"})
    assert variables(made)["DISABLE_AUTOUPDATER"] == "1"
    host = {"DISABLE_AUTOUPDATER": "0"}
    assert variables(plan_with_env(Env(passthrough=("DISABLE_AUTOUPDATER",)), host))["DISABLE_AUTOUPDATER"] is None
    assert variables(plan_with_env(Env(set={"DISABLE_AUTOUPDATER": "2"}), {}))["DISABLE_AUTOUPDATER"] == "2"


def test_state_that_the_profile_mounts_itself_is_left_alone():
    made = plan("claude", agents=("claude",), mounts=(MountSpec("~/.claude", "", "ro"),), tree={**TREE, f"{HOME}/.claude": "dir"})
    assert file(made, ".claude/settings.json") is None
    assert file(made, ".claude.json") is not None


def test_the_projects_name_is_quoted_in_what_an_agent_reads():
    odd = '/home/user/a"]\n[mcp_servers.x]\ncommand = "evil'
    made = plan(words=("codex",), tree={**TREE, odd: "dir"}, cwd=odd)
    import tomllib

    config = tomllib.loads(file(made, ".codex/config.toml").content.decode())
    assert "mcp_servers" not in config
    assert config["projects"] == {odd: {"trust_level": "trusted"}}


@pytest.mark.parametrize("there", [False, True])
def test_a_folder_of_the_project_that_the_agent_must_write_to_is_its_own(there):
    folder = f"{PROJECT}/.opencode"
    tree = {**TREE, "/usr/bin/opencode": ("file", b"\x7fELF"), **({folder: "dir"} if there else {})}
    made = plan(words=("opencode",), tree=tree)
    mount = next(m for m in made.mounts if m.dest == folder)
    assert isinstance(mount, Bind if there else Tmpfs)
    if there:
        assert (mount.src, mount.mode) == ("/state/runs/1/scratch-opencode", "rw")
        assert [(c.src, c.into) for c in made.copies] == [(folder, mount.src)]


def test_a_link_in_the_place_of_such_a_folder_is_not_followed():
    tree = {**TREE, "/usr/bin/opencode": ("file", b"\x7fELF"), f"{PROJECT}/.opencode": f"link:{HOME}/.ssh", f"{HOME}/.ssh": "dir"}
    with pytest.raises(ConfigError, match="is a symbolic link"):
        plan(words=("opencode",), tree=tree)


# --- keys that are put on requests outside -------------------------------------------------------------------------------


def test_a_credential_moves_the_api_and_holds_a_placeholder():
    one = Credential("env:REAL", ("api.anthropic.com",), "x-api-key", "{secret}")
    made = plan("claude", agents=("claude",), credentials={"a": one}, env={"REAL": "s3cret"})
    assert variables(made)["ANTHROPIC_BASE_URL"] == "http://api.anthropic.com"
    assert variables(made)["ANTHROPIC_API_KEY"] == PLACEHOLDER
    assert file(made, ".claude/.credentials.json") is None
    assert "s3cret" not in repr(made)


def test_codex_is_told_in_its_configuration():
    one = Credential("env:REAL", ("*.openai.com",))
    made = plan("codex", agents=("codex",), credentials={"a": one})
    import tomllib

    config = tomllib.loads(file(made, ".codex/config.toml").content.decode())
    assert config["model_providers"]["moved"]["base_url"] == "http://api.openai.com/v1"
    assert (config["model_provider"], config["features"]["daemon_auto_start"]) == ("moved", False)
    assert variables(made)["CODEX_API_KEY"] == PLACEHOLDER


def test_a_header_that_the_agent_does_not_send_is_refused():
    one = Credential("env:REAL", ("generativelanguage.googleapis.com",))
    with pytest.raises(ConfigError, match="sends no `authorization`"):
        plan("gemini", agents=("gemini",), credentials={"a": one})


def test_a_credential_for_another_host_moves_nothing():
    made = plan("claude", agents=("claude",), credentials={"a": Credential("env:REAL", ("example.org", "*.example.com"))})
    assert "ANTHROPIC_BASE_URL" not in variables(made)


# --- logins that are given back ------------------------------------------------------------------------------------------


def test_a_login_to_be_given_back_is_on_disk_in_the_runs_folder_alone():
    made = plan("claude", agents=("claude",), sandbox=replace(ALLOWLIST, login="sync"))
    folder = file(made, ".claude")
    assert isinstance(folder, Bind)
    assert (folder.src, folder.mode) == ("/state/runs/1/login-claude/.claude", "rw")
    places = {p.dest: p.into for p in made.private}
    assert places[f"{HOME}/.claude/.credentials.json"] == "/state/runs/1/login-claude/.claude/.credentials.json"
    assert places[f"{HOME}/.claude/settings.json"] == "/state/runs/1/login-claude/.claude/settings.json"
    assert isinstance(file(made, ".claude.json"), Data)


# --- agents of one's own --------------------------------------------------------------------------------------------------

HOUSE = AgentSpec(
    ("house",),
    {"H": "${home}/x"},
    ("HOUSE_KEY",),
    {".house/s.json": "{}"},
    (LoginSpec(".house/auth.json", ("token",)),),
    ("api.house.test",),
)


@pytest.mark.parametrize("how", [{"agents": ("house",)}, {"words": ("house",)}])
def test_a_profile_can_define_an_agent(how):
    command = "bash" if "agents" in how else ""
    made = plan(command, definitions={"house": HOUSE}, **how)
    assert made.agents == ("house",)
    assert variables(made)["H"] == f"{HOME}/x"
    assert file(made, ".house/s.json").content == b"{}"
    assert "api.house.test" in made.network.allow
    assert [p.logins[0][0] for p in made.private] == [f"{HOME}/.house/auth.json"]


def test_a_profile_can_define_a_known_agent_otherwise():
    made = plan(words=("claude",), definitions={"claude": replace(HOUSE, commands=("claude",))})
    assert "api.anthropic.com" not in made.network.allow
