"""Bills: what a visitor owes, in detail, before they pay."""
