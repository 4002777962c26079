"""Downstream: what clients connect to."""
