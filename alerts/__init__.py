"""GP Alerts: published articles in, newsletter issues out, every subscriber accounted for."""

__version__ = "0.1.0"
