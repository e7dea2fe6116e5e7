"""What two stages or more share; each folder has one purpose."""
