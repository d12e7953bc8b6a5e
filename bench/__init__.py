"""Measurements, side by side in one run, of what the README claims."""
