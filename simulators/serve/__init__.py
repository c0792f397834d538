"""The shells of peers: sockets, files and the event loop. Everything that a peer decides is in ``simulators.peer``."""
