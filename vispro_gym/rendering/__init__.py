"""Episodes as text and pictures."""
