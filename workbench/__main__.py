"""`python -m workbench`: the same program as the `workbench` command."""

from workbench.cli.main import entry

if __name__ == "__main__":
    entry()
