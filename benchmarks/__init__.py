"""What ``make bench`` times: the project's way and a peer's, in turn, in the same process."""
