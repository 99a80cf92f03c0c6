"""The wall: one contract, docker and bubblewrap behind it, strict transfer. Imports nothing of `agent`."""
