"""Measurement: intervals, judges of new texts, metrics."""
