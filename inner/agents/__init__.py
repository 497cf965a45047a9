"""One module per coding agent, each with the same few names; the registry is a literal dict."""
