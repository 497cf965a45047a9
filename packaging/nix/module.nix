# `programs.inner`, the same for NixOS and home-manager: `placed package files` is the configuration that installs a package and
# lays files, named from the folder that configuration is in.
placed:
{
  config,
  lib,
  pkgs,
  ...
}:
let
  cfg = config.programs.inner;
  toml = pkgs.formats.toml { };
in
{
  options.programs.inner = {
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

  config = lib.mkIf cfg.enable (
    placed cfg.package (
      lib.optionalAttrs (cfg.settings != { }) {
        "inner/config.toml".source = toml.generate "inner-config.toml" cfg.settings;
      }
      // lib.mapAttrs' (
        name: profile: lib.nameValuePair "inner/profiles/${name}.toml" { source = toml.generate "${name}.toml" profile; }
      ) cfg.profiles
    )
  );
}
