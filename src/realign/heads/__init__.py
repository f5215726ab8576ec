"""Linear heads on embeddings and their like: what a few labels or scores teach about all other responses.

`score_head` learns from scores of single responses, `pairwise` from labelled pairs. Strategies,
labellers and judges stand on them; a head knows nothing of tables, stages or parameters.
"""
