"""The dossier (档案): the sealed evidence of a run. Written once, verified anywhere, read by anyone."""
