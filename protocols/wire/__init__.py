"""Wire formats, pure: messages, framings and their vectors. One file a dialect; no I/O, no clock, no state but bytes."""
