"""``python -m alexbench.harness``: the same as ``alexbench``."""

from alexbench.harness.cli import main

if __name__ == "__main__":
    main()
