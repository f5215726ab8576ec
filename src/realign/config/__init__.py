"""The parameters: their shape, reading them, combinations that are refused."""
