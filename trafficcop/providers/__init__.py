"""Where configurations come from."""
