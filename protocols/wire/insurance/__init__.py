"""The interface between designated institutions and the medical insurance platform: envelope, transactions, files, proofs."""
