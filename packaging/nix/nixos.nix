# `programs.inner` for the whole machine: configuration and profiles in /etc/inner.
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
    environment.systemPackages = [ cfg.package ];
    environment.etc = inner.files "inner" cfg;
  };
}
