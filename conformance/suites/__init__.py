"""The suites: one module a topic. A check is found by being here."""
