"""The HIS self-service interface of this project: JSON over HTTP, operations 1 to 16 of spec/services.md 2.1."""
