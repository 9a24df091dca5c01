"""A backup of a running system in one file, and the way back, to either kind of database."""
