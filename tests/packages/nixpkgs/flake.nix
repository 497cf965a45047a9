# As much of nixpkgs as inner's flake asks for: evaluated, never built. `passed` of a derivation is what it was made from.
{
  outputs =
    _:
    let
      lib = {
        genAttrs = names: make: builtins.listToAttrs (map (name: { inherit name; value = make name; }) names);
        mapAttrs' = make: set: builtins.listToAttrs (map (name: make name set.${name}) (builtins.attrNames set));
        nameValuePair = name: value: { inherit name value; };
        optionalAttrs = wanted: set: if wanted then set else { };
        makeBinPath = all: builtins.concatStringsSep ":" (map (one: "${one}/bin") all);
        licenses.asl20.spdxId = "Apache-2.0";
        fileset = {
          unions = paths: assert builtins.all builtins.pathExists paths; paths;
          toSource = { root, fileset }: root;
        };
        mkIf = wanted: set: if wanted then set else { };
        mkOption = option: option;
        mkEnableOption = description: { inherit description; default = false; };
        literalExpression = text: text;
        types = { package = "package"; attrsOf = of: { inherit of; }; };
      };
      of =
        system:
        let
          make = name: passed: derivation { inherit name system; builder = "/bin/sh"; } // { inherit passed; meta = passed.meta or { }; };
          pkgs = {
            inherit lib;
            callPackage = path: more: let made = import path; in
              made (builtins.intersectAttrs (builtins.functionArgs made) pkgs // more);
            python3Packages = {
              buildPythonApplication = passed: make "${passed.pname}-${passed.version}" passed;
            } // lib.genAttrs [ "hatchling" "typer" "pydantic" "pydantic-settings" "tomli-w" ] (name: make name { });
            mkShell = make "shell";
            testers.runNixOSTest = passed: make "vm-test-run-${passed.name}" passed;
            formats.toml = _: { type = "toml"; generate = name: value: { inherit name value; }; };
          } // lib.genAttrs [ "bubblewrap" "git" "ruff" "nixfmt-tree" ] (name: make name { });
        in
        pkgs;
    in
    {
      inherit lib;
      legacyPackages = lib.genAttrs [ "x86_64-linux" "aarch64-linux" ] of;
    };
}
