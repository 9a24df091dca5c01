"""Message assembly: an edition is compiled once to bytes with slots, then filled per reader.

`fields` writes header fields, `bodies` encodes the parts, `compiled` puts both together; all of it
is pure: text in, bytes out.
"""

from alerts.delivery.assembly.addresses import address_of, ascii_address, ascii_domain
from alerts.delivery.assembly.compiled import CompiledMessage, Envelope, Reader
from alerts.delivery.assembly.signing import MessageSigner, Signer

__all__ = [
    "CompiledMessage",
    "Envelope",
    "MessageSigner",
    "Reader",
    "Signer",
    "address_of",
    "ascii_address",
    "ascii_domain",
]
