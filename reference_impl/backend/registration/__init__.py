"""Registration: departments, doctors, slots, locks, appointments."""
