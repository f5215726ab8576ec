"""Measurement: judges of new texts, metrics."""
