"""SPF (RFC 7208): `record` reads a record, `evaluation` follows it, `checks` judges it."""
