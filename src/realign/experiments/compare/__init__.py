"""The equal-budget experiment's statistics: arms that differ in nothing but the pairs they bought."""

from realign.experiments.compare.compare import Settings, compare

__all__ = ["Settings", "compare"]
