"""One strategy a file: module NAME holds the function NAME, found by its file (selection/registry.py).

A strategy is a pure function from the candidate pairs to a number for each; the smallest comes
first. `NEEDS = ("labels",)` in the module says that it learns from pairs that are labeled already,
("rewards",) that it looks at the policy's implicit rewards, ("seed",) that it draws by chance.
"""
