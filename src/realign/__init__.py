"""Choose the response pairs that are worth a label, and align a model on them."""
