"""How a sandbox reaches a model: one socket, the key on this side of it, everything counted and kept."""
