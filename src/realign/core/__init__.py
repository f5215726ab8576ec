"""What every stage stands on: parameters, schemas, artifacts, ids, errors, row store, batches."""
