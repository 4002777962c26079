"""The data plane, put together."""
