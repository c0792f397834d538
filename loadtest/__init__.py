"""Load: the city as data, one Locust fleet with open arrivals, thresholds and a verdict."""
