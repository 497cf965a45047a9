"""What the user asked for: from TOML files to one merged profile, each leaf with its origin."""
