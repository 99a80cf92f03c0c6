"""The only code of ours that runs inside a sandbox. Standard library only; never imported by the host."""
