"""The kiosk's side of each device class: the calls a kiosk makes, whatever the dialect."""
