"""SMTP: a pipelined dialogue over as many connections as serve."""

from alerts.delivery.transports.smtp.server import SmtpServer
from alerts.delivery.transports.smtp.transport import SmtpTransport

__all__ = ["SmtpServer", "SmtpTransport"]
