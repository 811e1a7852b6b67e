"""What runs beside programs, in a worker process or a WebAssembly instance. Standard library and greenlet only."""
