"""Parts of the screens. All of them draw in ASCII."""
