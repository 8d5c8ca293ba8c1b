"""Denial of service: attacks on a real server process beside a bystander. ``make dos`` runs all of them."""
