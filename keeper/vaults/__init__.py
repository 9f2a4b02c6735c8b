"""Sans-I/O vault kinds: what to read of a vault, how far it has drifted, where a plan leads, what to send."""
