"""The tasks, a module per station.

What few tasks need, and no batch, they import when they run: each process of the pool holds what it
was forked with for life, and only the one that polls should hold what reads pages.
"""
