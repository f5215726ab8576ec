"""Language models: loading, chat tokens, keyed sampling, log-probabilities."""
