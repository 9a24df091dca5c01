"""All commands, as one: for what looks at them from outside, such as the reference in the docs."""

from alerts.cli.main import command_line

app = command_line()
