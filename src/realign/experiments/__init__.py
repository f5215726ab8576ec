"""Experiments on strategies: replay, compare, plan, judge-check."""
