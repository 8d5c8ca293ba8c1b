"""The delta mode of sync at the server: who wins, what is kept, and what a device is told (sync.md 3.3 to 3.9)."""
