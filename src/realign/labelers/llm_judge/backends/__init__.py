"""Where a judge's model can run: a file each, which declares BACKEND."""
