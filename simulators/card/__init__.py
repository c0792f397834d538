"""Virtual cards: file system, security, applications and the bodies that carry them. Pure."""
