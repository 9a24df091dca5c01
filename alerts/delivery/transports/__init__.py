"""The ways a message leaves: one contract, a module per way."""
