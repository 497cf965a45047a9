# `programs.inner` for the whole machine: configuration and profiles in /etc/inner.
import ./module.nix (
  package: files: {
    environment.systemPackages = [ package ];
    environment.etc = files;
  }
)
