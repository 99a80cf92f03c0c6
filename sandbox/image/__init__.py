"""How the inside of a sandbox is made: interpreter, locked dependencies, stripped standard library."""
