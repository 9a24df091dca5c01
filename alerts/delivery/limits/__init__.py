"""How fast and how much may be sent, for all workers on all hosts together."""
