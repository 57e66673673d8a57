"""The command line: one file per command, each with its flags, its help and an example."""
