# `programs.inner` for one user: configuration and profiles in ~/.config/inner.
import ./module.nix (
  package: files: {
    home.packages = [ package ];
    xdg.configFile = files;
  }
)
