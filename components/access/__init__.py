"""Accounts, and who may pull."""
