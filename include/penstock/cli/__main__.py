"""``python -m penstock.cli``, where the command is not on the path."""

from penstock.cli import main

main()
