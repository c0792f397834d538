"""The interface between a terminal and the payment platform: models, error codes, and how a request is authenticated."""
