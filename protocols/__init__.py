"""What both ends of a cable share: wire formats, links, drivers, the clock and the record."""
