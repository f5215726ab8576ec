"""The equal-budget experiment's statistics: arms that differ in nothing but the pairs they bought."""

from realign.comparison.compare import Settings, compare

__all__ = ["Settings", "compare"]
