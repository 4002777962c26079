"""YAML and TOML: text into nested dicts that know where each key stood, and an inventory back into text."""
