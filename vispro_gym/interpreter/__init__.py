"""The interpreter: runs untrusted programs in worker processes, many at once. See `pool.Interpreter`."""
