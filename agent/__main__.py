"""`python -m agent` is the same program as `successor`."""

from agent.cli import main

if __name__ == "__main__":
    main()
