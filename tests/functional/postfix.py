"""A Postfix that takes mail for readers of `readers.example` and bounces some of it.

What comes back to `bounce.example.org` it hands over by LMTP or SMTP.
"""

from tests.data.delivery.postfix import PostfixServer

_MAIN = """
relay_domains = readers.example, bounce.example.org
relay_recipient_maps =
transport_maps = texthash:{folder}/transport
recipient_delimiter = +
smtputf8_enable = no
"""
_SERVICES = """
gone unix - n n - - pipe
  user=nobody argv=/bin/sh -c {{echo 5.1.1 there is no such mailbox here; exit 67}}
full unix - n n - - pipe
  user=nobody argv=/bin/sh -c {{echo 5.2.2 the mailbox is over its quota; exit 69}}
spam unix - n n - - pipe
  user=nobody argv=/bin/sh -c {{echo 5.7.1 the message looks like spam to us; exit 69}}
"""
_TRANSPORT = """
gone@readers.example gone:
full@readers.example full:
spam@readers.example spam:
readers.example discard:
bounce.example.org {back}
"""


class Postfix(PostfixServer):
    """`back` is where mail for bounce.example.org goes, as a transport."""

    def __init__(self, back: str) -> None:
        super().__init__(_MAIN, _SERVICES, back=back)
        self.write("transport", _TRANSPORT)
