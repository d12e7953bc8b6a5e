"""What an operator does with a registry that runs: back it up, restore it, remove old tags, collect.

All but collection goes through the registry's own API, so that it does not matter where the images are stored.
"""
