"""The errors that reach a person, each one line that says what, where and what to do.

AlertsError             anything a person is told about
├── Refused             the request makes sense but is not allowed now
│   └── Conflict        somebody else changed the same thing first
├── Invalid             the input is wrong: a file, a form, an option, a setting
└── NotFound            there is no such article, issue, subscriber, …

Errors that decide about a retry (delivery, fetching) are typed where the other side is called.
"""


class AlertsError(Exception):
    """An error with one clear line for a person; it never shows a traceback."""


class Refused(AlertsError):
    """The request is understood and not allowed in the present state."""


class Conflict(Refused):
    """Another process or person changed the same thing first."""


class Invalid(AlertsError):
    """The input is wrong; the message names the place and what would be right."""


class NotFound(AlertsError):
    """No such thing."""
