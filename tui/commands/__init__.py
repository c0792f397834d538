"""The commands of ``onecard``, one module a subject; each defines ``register(app)``."""
