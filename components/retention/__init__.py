"""Which tags stay."""
