"""What leaves an instance as metrics: counts of the workers put together, told to whoever asks or is to be told."""
