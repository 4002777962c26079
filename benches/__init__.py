"""The figures of the README: `scripts/bench` runs this package."""
