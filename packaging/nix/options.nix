# The options `programs.inner`, the same for NixOS and home-manager, and the files they make below a folder.
{ lib, pkgs }:
let
  toml = pkgs.formats.toml { };
in
{
  options = {
    enable = lib.mkEnableOption "inner, which runs programs in bubblewrap boxes";
    package = lib.mkOption {
      type = lib.types.package;
      default = pkgs.callPackage ./package.nix { };
      defaultText = lib.literalExpression "pkgs.callPackage ./package.nix { }";
      description = "The package of inner.";
    };
    settings = lib.mkOption {
      type = toml.type;
      default = { };
      example = {
        default_profile = "shell";
        default_limits.memory = "4G";
      };
      description = "What `config.toml` holds.";
    };
    profiles = lib.mkOption {
      type = lib.types.attrsOf toml.type;
      default = { };
      example.work = {
        schema_version = "1";
        extends = "shell";
      };
      description = "Profiles by name, each what its file holds.";
    };
  };

  files =
    folder: cfg:
    lib.optionalAttrs (cfg.settings != { }) {
      "${folder}/config.toml".source = toml.generate "inner-config.toml" cfg.settings;
    }
    // lib.mapAttrs' (
      name: profile: lib.nameValuePair "${folder}/profiles/${name}.toml" { source = toml.generate "${name}.toml" profile; }
    ) cfg.profiles;
}
