"""A real run under SIGKILL: backend, peers and kiosks are processes, and each of them dies at random moments while money moves."""
