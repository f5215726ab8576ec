"""Asking judges: prompts, servers, local models, both orders, and figures of how good a judge is."""
