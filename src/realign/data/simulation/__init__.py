"""A simulated annotator: a noise-free quality rule and noisy choices made from it.

Nothing here speaks for people. The rule knows the answers of the embedded data set and the
annotator flips coins, so that a whole pipeline can be run, and its labels audited, offline.
"""
