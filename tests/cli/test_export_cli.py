"""`inner export`: what it writes, held against the tools that read it, and what it says of what they cannot hold."""

from __future__ import annotations

import csv
import io
import json
import os
import shlex
import shutil
import subprocess

import kubernetes_validate
import pytest
import yaml
from program import inner

SECRET = "hunter2-hunter2"
PROFILE = """schema_version = "1"
[sandbox]
network_mode = "{mode}"
network_allow = [{allow}]
[sandbox.limits]
memory = "256M"
cpu = 0.5
pids = 40
[env]
passthrough = ["DEPLOY_TOKEN"]
set = {{ GREETING = "it's \\"quoted\\" $HOME: #" }}
[mounts]
"{data}" = "ro"
[output]
timeout_seconds = 90
"""


@pytest.fixture
def place(tmp_path):
    """call(engine, words, mode=..., allow=...): an export of a profile of these."""
    home, project, data = tmp_path / "home", tmp_path / "project", tmp_path / "data"
    (home / ".config/inner/profiles").mkdir(parents=True)
    project.mkdir()
    data.mkdir()
    (data / "file").write_text("data\n")

    def call(engine, *words, mode="off", allow="", image="localhost/inner-test"):
        profile = home / ".config/inner/profiles/cluster.toml"
        profile.write_text(PROFILE.format(mode=mode, allow=allow, data=data))
        env = {"PATH": "/usr/bin:/bin", "HOME": str(home), "DEPLOY_TOKEN": SECRET}
        return inner(
            "export",
            engine,
            "-p",
            "cluster",
            "--image",
            image,
            "--",
            *(words or ("sh", "-c", "echo 'a b'")),
            cwd=call.project,
            env=env,
        )

    call.home, call.project, call.data, call.tmp = home, project, data, tmp_path
    return call


def documents(done):
    assert done.returncode == 0, done.stderr
    return list(yaml.safe_load_all(done.stdout))


@pytest.mark.parametrize("engine", ["podman", "oci", "kubernetes"])
@pytest.mark.parametrize("word", ["only-in-the-image", "./made-by-the-build", "/opt/tool/bin/tool", "/usr"])
def test_a_command_that_this_machine_has_not_may_be_in_the_image(place, engine, word):
    done = place(engine, word, "x")
    assert (done.returncode, "error" in done.stderr) == (0, False)
    assert word in done.stdout


def test_a_profile_that_no_run_could_have_is_not_told_with_a_status_of_run(place):
    profile = place.home / ".config/inner/profiles/shared.toml"
    profile.write_text('schema_version = "1"\n[sandbox]\npid_namespace = false\n')
    env = {"PATH": "/usr/bin:/bin", "HOME": str(place.home)}
    done = inner("export", "podman", "-p", "shared", cwd=place.project, env=env)
    assert (done.returncode, done.stdout) == (4, "")
    assert "cannot enforce a shared pid namespace" in done.stderr


# --- kubernetes --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["off", "allowlist", "full"])
def test_a_cluster_accepts_the_job_and_the_policy(place, mode):
    for document in documents(place("kubernetes", mode=mode, allow='"example.test", "lan:10.9.8.7:8443"')):
        kubernetes_validate.validate(document, "1.29", strict=True)


def test_the_job_has_the_limits_and_none_of_the_rights(place):
    job, _ = documents(place("kubernetes"))
    pod = job["spec"]["template"]["spec"]
    box = pod["containers"][0]
    assert (box["command"], box["workingDir"]) == (["sh", "-c", "echo 'a b'"], str(place.project))
    assert box["resources"]["limits"] == {"memory": str(256 << 20), "cpu": "500m"}
    assert job["spec"]["activeDeadlineSeconds"] == 90
    assert box["securityContext"] == {
        "allowPrivilegeEscalation": False, "privileged": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]},
    }  # fmt: skip
    assert (pod["automountServiceAccountToken"], pod["hostUsers"], pod["securityContext"]["runAsNonRoot"]) == (False, False, True)
    assert {"name": "GREETING", "value": f'it\'s "quoted" {place.home}: #'} in box["env"]
    reference = {"secretKeyRef": {"name": "inner-cluster", "key": "DEPLOY_TOKEN", "optional": True}}
    assert {"name": "DEPLOY_TOKEN", "valueFrom": reference} in box["env"]


def test_a_policy_lets_out_what_it_can_name_and_nothing_else(place):
    allow = '"example.test", "lan:10.9.8.7:8443"'
    _, shut = documents(place("kubernetes"))
    assert (shut["spec"]["egress"], shut["spec"]["ingress"], shut["spec"]["policyTypes"]) == ([], [], ["Ingress", "Egress"])
    done = place("kubernetes", mode="allowlist", allow=allow)
    _, policy = documents(done)
    assert policy["spec"]["egress"] == [
        {"to": [{"ipBlock": {"cidr": "10.9.8.7/32"}}], "ports": [{"protocol": "TCP", "port": 8443}]}
    ]
    assert "# NetworkPolicy knows addresses alone, so these cannot be reached: example.test; " in done.stdout
    _, wide = documents(place("kubernetes", mode="full"))
    assert {"cidr": "0.0.0.0/0", "except": ["169.254.0.0/16"]} in [to["ipBlock"] for to in wide["spec"]["egress"][0]["to"]]


# --- podman ------------------------------------------------------------------------------------------------------------


def words(done):
    assert done.returncode == 0, done.stderr
    return shlex.split(done.stdout.replace("\\\n", " "), comments=True)


def test_the_podman_command_is_what_a_shell_reads(place):
    found = words(place("podman"))
    assert found[:3] == ["podman", "run", "--rm"]
    for flag in ("--read-only", "--cap-drop=all", "--security-opt=no-new-privileges", "--network=none", "--pids-limit=40",
                 f"--memory={256 << 20}b", "--cpus=0.5", "--timeout=90", "--env=DEPLOY_TOKEN",
                 f"--env=GREETING=it's \"quoted\" {place.home}: #"):  # fmt: skip
        assert flag in found
    assert f"--mount=type=bind,source={place.data},destination={place.data},ro=true" in found
    assert f"--mount=type=bind,source={place.project},destination={place.project},ro=false" in found
    assert found[-4:] == ["localhost/inner-test", "sh", "-c", "echo 'a b'"]


def test_the_name_of_a_folder_mounts_no_other(place):
    place.project = place.project / "p,source=/,destination=/mnt" / 'q"\n'
    place.project.mkdir(parents=True)
    (place.project / ".git").mkdir()
    found = [
        next(csv.reader(io.StringIO(word[8:], newline=""))) for word in words(place("podman")) if word.startswith("--mount=")
    ]
    assert ["type=bind", f"source={place.project}", f"destination={place.project}", "ro=false"] in found
    assert {"source=/", "destination=/mnt"}.isdisjoint(field for fields in found for field in fields)
    assert all(len(fields) < 5 for fields in found)


def test_an_allowlist_that_podman_cannot_hold_is_no_network_and_said(place):
    done = place("podman", mode="allowlist", allow='"example.test"')
    assert "--network=none" in words(done)
    assert "# podman holds no allowlist: there is no network; `inner run` holds it" in done.stdout
    assert "network_allow is not held by names here (example.test)" in done.stderr


@pytest.mark.slow
def test_podman_itself_takes_the_command_as_it_was_meant(place):
    (place.tmp / "run").mkdir(mode=0o700)
    env = {**os.environ, "HOME": str(place.tmp / "p"), "XDG_RUNTIME_DIR": str(place.tmp / "run"), "DEPLOY_TOKEN": SECRET,
           "PATH": "/usr/bin:/bin:/usr/sbin:/sbin"}  # fmt: skip
    (place.tmp / "p").mkdir()

    def podman(*line):
        done = subprocess.run(["podman", *line], env=env, capture_output=True, text=True, timeout=120, cwd=place.project)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    try:
        podman("import", rootfs(place.tmp / "image.tar", place.tmp / "image"), "localhost/inner-test")
        line = words(place("podman"))
        assert line[:2] == ["podman", "run"]
        made = json.loads(podman("inspect", podman("create", *line[2:])))[0]
        held = made["HostConfig"]
        assert (held["ReadonlyRootfs"], held["NetworkMode"]) == (True, "none")
        if os.path.exists(
            "/sys/fs/cgroup/cgroup.controllers"
        ):  # with version 1 podman drops limits of ordinary users, and says so
            assert (held["PidsLimit"], held["Memory"]) == (40, 256 << 20)
        assert made["EffectiveCaps"] in ([], None)
        assert "no-new-privileges" in held["SecurityOpt"]
        assert {mount["Destination"]: mount["RW"] for mount in made["Mounts"]} == {
            str(place.project): True,
            str(place.data): False,
        }
        assert f"DEPLOY_TOKEN={SECRET}" in made["Config"]["Env"]
    finally:
        subprocess.run(["podman", "unshare", "rm", "-rf", str(place.tmp / "p")], env=env, check=False)


def rootfs(archive, folder):
    """A system of busybox alone."""
    (folder / "bin").mkdir(parents=True)
    shutil.copy(shutil.which("busybox", path="/usr/bin:/bin"), folder / "bin/busybox")
    for name in ("sh", "cat", "echo", "id", "touch", "ls", "wget"):
        (folder / "bin" / name).symlink_to("busybox")
    subprocess.run(["tar", "-C", folder, "-cf", archive, "."], check=True)
    return str(archive)


# --- oci ---------------------------------------------------------------------------------------------------------------


def test_the_bundle_says_what_it_cannot_hold_and_has_no_secret(place):
    config = json.loads(place("oci").stdout)
    assert config["root"] == {"path": "rootfs", "readonly": True}
    assert config["process"]["capabilities"] == {
        name: [] for name in ("bounding", "effective", "inheritable", "permitted", "ambient")
    }
    assert config["linux"]["resources"]["pids"] == {"limit": 40}
    notices = list(config["annotations"].values())
    assert "the time limit of 90 s is not held" in notices
    assert "the value of DEPLOY_TOKEN is not in here: add it to process.env" in notices
    assert not [one for one in config["process"]["env"] if one.startswith("DEPLOY_TOKEN")]


@pytest.mark.root
def test_a_runtime_runs_the_bundle_and_it_holds(place):
    bundle = place.tmp / "bundle"
    rootfs(place.tmp / "image.tar", bundle / "rootfs")
    attempt = f"id -u; cat {place.data}/file; touch made; touch /x {place.data}/x; wget -q -O- http://127.0.0.1:1; echo $GREETING"
    (bundle / "config.json").write_text(place("oci", "sh", "-c", attempt).stdout)
    line = ["/usr/sbin/runc", "--root", str(place.tmp / "state"), "run", f"inner-test-{os.getpid()}"]
    done = subprocess.run(line, cwd=bundle, capture_output=True, text=True, timeout=60)
    assert done.stdout == f'0\ndata\nit\'s "quoted" {place.home}: #\n', done.stderr
    assert done.stderr.count("Read-only file system") == 2
    assert (place.project / "made").exists()
    assert not (place.data / "x").exists()


# --- all of them -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ["podman", "oci", "kubernetes"])
def test_no_value_of_a_secret_is_printed_and_what_is_lost_is_said(place, engine):
    done = place(engine)
    assert SECRET not in done.stdout + done.stderr
    assert "inner: the image stands for the system" in done.stderr
    assert "inner: inner's system call filter is not part of this" in done.stderr
    assert "inner: commands are not replaced: apt-get" in done.stderr or "commands" not in done.stderr


def test_an_unknown_engine_is_told_which_there_are(place):
    done = place("docker")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "error: `docker` is no engine\nhint: one of: podman, oci, kubernetes\n"
