"""`python -m alerts.cli`, the same as the command `alerts`."""

from alerts.cli.main import main

main()
