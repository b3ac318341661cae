"""For tests of channels, ours and those of other packages: the conformance suite and a server that misbehaves."""
