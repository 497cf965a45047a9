# `programs.inner` for one user: configuration and profiles in ~/.config/inner.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  inner = import ./options.nix { inherit lib pkgs; };
  cfg = config.programs.inner;
in
{
  options.programs.inner = inner.options;

  config = lib.mkIf cfg.enable {
    home.packages = [ cfg.package ];
    xdg.configFile = inner.files "inner" cfg;
  };
}
