"""`python -m inner`."""

from inner.cli import main

if __name__ == "__main__":
    main()
