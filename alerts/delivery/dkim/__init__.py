"""DKIM signatures (RFC 6376, RFC 8463): `keys` reads keys, `signatures` lays out, `signer` signs.

Canonicalisation is relaxed/simple: a relay may fold header fields anew, and the body, of which
every line ends where we end it, is hashed as it stands.
"""

from alerts.delivery.dkim.signer import DkimSigner, check_signing, signer_for

__all__ = ["DkimSigner", "check_signing", "signer_for"]
