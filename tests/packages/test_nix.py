"""The flake, evaluated by nix against as much of nixpkgs as it asks for, and against the tree that INNER_NIXPKGS names."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from packages_build import ROOT

from inner import __version__

STUB = Path(__file__).parent / "nixpkgs"
TREES = [str(STUB), *filter(None, [os.environ.get("INNER_NIXPKGS")])]
SYSTEMS = {"x86_64-linux", "aarch64-linux"}


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """Of the sources, what the flake is made from: nix copies all that lies beside a flake."""
    folder = tmp_path_factory.mktemp("flake") / "inner"
    for name in ("inner", "profiles", "packaging/nix"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("flake.nix", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder / name)
    return folder


def nix(tree, nixpkgs, *words):
    """What nix says, as JSON; its store and its caches are beside the tree."""
    line = [
        "nix",
        "--extra-experimental-features",
        "nix-command flakes",
        "--offline",
        "--store",
        str(tree.parent / "store"),
        *words,
    ]
    line += ["--json", "--override-input", "nixpkgs", f"path:{nixpkgs}", "--no-write-lock-file"]
    env = {**os.environ, "HOME": str(tree.parent), "NIX_CONFIG": "flake-registry ="}
    done = subprocess.run(line, capture_output=True, text=True, env=env, cwd=tree.parent, timeout=300)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def value(tree, output, function="x: x", nixpkgs=STUB):
    return nix(tree, nixpkgs, "eval", f"path:{tree}#{output}", "--apply", function)


@pytest.mark.parametrize("nixpkgs", TREES)
def test_every_output_evaluates_for_both_machines(tree, nixpkgs):
    names = "inputs: builtins.mapAttrs (_: of: of.default.name or of.name) inputs"
    assert value(tree, "packages", names, nixpkgs) == dict.fromkeys(SYSTEMS, f"inner-{__version__}")
    assert set(value(tree, "devShells", names, nixpkgs)) == set(value(tree, "formatter", names, nixpkgs)) == SYSTEMS
    checks = value(tree, "checks", "builtins.mapAttrs (_: builtins.mapAttrs (_: one: one.name))", nixpkgs)
    assert checks == {one: {"package": f"inner-{__version__}", "machine": "vm-test-run-inner"} for one in SYSTEMS}
    for app in (one["default"] for one in value(tree, "apps", nixpkgs=nixpkgs).values()):
        assert app["program"].endswith(f"-inner-{__version__}/bin/inner")
        assert app["meta"]["description"]


def test_the_package_has_every_dependency_that_the_project_names(tree):
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = sorted(one.partition(">")[0] for one in project["dependencies"])
    passed = value(tree, "packages.x86_64-linux.default", "p: map (one: one.name) p.passed.dependencies")
    assert sorted(passed) == wanted
    wrapped = value(tree, "packages.x86_64-linux.default", "p: p.passed.makeWrapperArgs")
    assert [one.rpartition("-")[2] for one in wrapped[-1].split(":")] == ["bubblewrap/bin", "git/bin"]
    meta = value(tree, "packages.x86_64-linux.default.meta")
    assert (meta["description"], meta["mainProgram"]) == (project["description"], "inner")


def test_the_overlay_adds_inner_and_nothing_else(tree):
    apply = "f: builtins.mapAttrs (_: p: p.name) (f { callPackage = path: _: { name = baseNameOf path; }; } { })"
    assert value(tree, "overlays.default", apply) == {"inner": "package.nix"}


@pytest.mark.parametrize(
    ("module", "packages", "files"),
    [("nixos", "c.environment.systemPackages", "c.environment.etc"), ("homeManager", "c.home.packages", "c.xdg.configFile")],
)
def test_a_module_writes_settings_and_profiles_only_when_it_is_on(tree, module, packages, files):
    on = """{ enable = true; package = "inner"; settings.keep_runs = 5; profiles.work.extends = "shell"; }"""
    call = f"""m: let
        pkgs = (import {STUB}/flake.nix).outputs {{ }};
        made = cfg: (if builtins.isFunction m then m else import m) {{
          config.programs.inner = cfg; inherit (pkgs) lib; pkgs = pkgs.legacyPackages.x86_64-linux; }};
        on = made ({on});
        c = on.config;
      in {{ options = builtins.attrNames on.options.programs.inner; off = (made (({on}) // {{ enable = false; }})).config;
           packages = {packages}; files = {files}; }}"""
    words = ["eval", f"path:{tree}#{module}Modules.default", "--impure", "--apply", call]
    found = nix(tree, STUB, *words)
    assert found["options"] == ["enable", "package", "profiles", "settings"]
    assert (found["off"], found["packages"]) == ({}, ["inner"])
    assert found["files"] == {
        "inner/config.toml": {"source": {"name": "inner-config.toml", "value": {"keep_runs": 5}}},
        "inner/profiles/work.toml": {"source": {"name": "work.toml", "value": {"extends": "shell"}}},
    }
