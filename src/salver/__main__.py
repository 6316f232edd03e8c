"""`python -m salver` is `salver`."""

from salver.cli.main import main

if __name__ == "__main__":
    raise SystemExit(main())
