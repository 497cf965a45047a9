# inner for Nix: the package, a shell to work on it, and modules for NixOS and home-manager.
# What they are made of is in packaging/nix; nixpkgs is the only input.
{
  description = "Run an AI agent, or any program you do not trust, in a bubblewrap box described by a profile";

  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";

  outputs =
    { self, nixpkgs }:
    let
      systems = [
        "x86_64-linux"
        "aarch64-linux"
      ];
      each = make: nixpkgs.lib.genAttrs systems (system: make nixpkgs.legacyPackages.${system} self.packages.${system}.inner);
    in
    {
      packages = nixpkgs.lib.genAttrs systems (system: rec {
        inner = nixpkgs.legacyPackages.${system}.callPackage ./packaging/nix/package.nix { };
        default = inner;
      });

      apps = each (
        pkgs: inner: {
          default = {
            type = "app";
            program = "${inner}/bin/inner";
            meta.description = inner.meta.description;
          };
        }
      );

      overlays.default = final: _: { inner = final.callPackage ./packaging/nix/package.nix { }; };

      devShells = each (
        pkgs: inner: {
          default = pkgs.mkShell {
            inputsFrom = [ inner ];
            packages = [
              pkgs.bubblewrap
              pkgs.git
              pkgs.ruff
            ];
          };
        }
      );

      checks = each (
        pkgs: inner: {
          package = inner;
          machine = pkgs.testers.runNixOSTest {
            name = "inner";
            nodes.machine = {
              imports = [ self.nixosModules.default ];
              programs.inner.enable = true;
              users.users.alice.isNormalUser = true;
            };
            testScript = ''
              machine.wait_for_unit("multi-user.target")
              machine.succeed("su -l alice -c 'mkdir project'")
              machine.succeed("su -l alice -c 'cd project && inner run -- true'")
              machine.fail("su -l alice -c 'cd project && inner run -- false'")
            '';
          };
        }
      );

      nixosModules.default = ./packaging/nix/nixos.nix;
      homeManagerModules.default = ./packaging/nix/home-manager.nix;

      formatter = each (pkgs: _: pkgs.nixfmt-tree);
    };
}
