# inner, for `callPackage`. bubblewrap and git come after the user's own on PATH:
# a system that has a bwrap of its own (setuid, or one AppArmor knows) keeps using that one.
{
  lib,
  python3Packages,
  bubblewrap,
  git,
}:
python3Packages.buildPythonApplication {
  pname = "inner";
  version = builtins.head (builtins.match ''.*__version__ = "([^"]+)".*'' (builtins.readFile ../../inner/__init__.py));
  pyproject = true;

  src = lib.fileset.toSource {
    root = ../..;
    fileset = lib.fileset.unions [
      ../../inner
      ../../profiles
      ../../pyproject.toml
      ../../README.md
      ../../LICENSE
    ];
  };

  build-system = [ python3Packages.hatchling ];
  dependencies = [
    python3Packages.typer
    python3Packages.pydantic
    python3Packages.pydantic-settings
    python3Packages.tomli-w
  ];
  # its upper bound is about the time of a start only
  pythonRelaxDeps = [ "typer" ];

  makeWrapperArgs = [
    "--suffix"
    "PATH"
    ":"
    (lib.makeBinPath [
      bubblewrap
      git
    ])
  ];

  # the suite needs namespaces, which a build has not: the check `machine` starts a box
  doCheck = false;
  pythonImportsCheck = [ "inner" ];

  meta = {
    description = "Run an AI agent, or any program you do not trust, in a bubblewrap box described by a profile";
    homepage = "https://github.com/enr/inner";
    license = lib.licenses.asl20;
    mainProgram = "inner";
    platforms = [
      "x86_64-linux"
      "aarch64-linux"
    ];
  };
}
