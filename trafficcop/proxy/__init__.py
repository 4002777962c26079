"""Upstream: what we connect to."""
