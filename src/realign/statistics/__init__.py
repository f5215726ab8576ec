"""Figures with their uncertainty, for every room that measures something."""
