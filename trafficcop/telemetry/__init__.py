"""Logs, access logs, metrics and tracing."""
