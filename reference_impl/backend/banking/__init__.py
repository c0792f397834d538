"""The bank's terminals as the backend runs them: numbers, keys, sign-in, batches. One bank terminal for every kiosk."""
