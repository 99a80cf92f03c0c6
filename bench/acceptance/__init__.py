"""Rules of acceptance side by side, on simulated tasks and candidates."""
