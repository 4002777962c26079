"""Counters and buckets that outlive a request."""
