"""Labelers: whoever says which response of a pair is better."""
