"""Weights of pairs in the loss: a file here is a weighting, and `train.weighting` names it; none comes with realign.

The module holds

    weights(preferences) -> array of shape (n,)

with a finite number >= 0 for each row of the preferences table. A pair's loss is multiplied by its weight; with a mean
weight of 1 the learning rate keeps its meaning.
"""
