"""Sans-I/O adapters: what to read of each protocol, how to decode it, and its exact mathematics."""
