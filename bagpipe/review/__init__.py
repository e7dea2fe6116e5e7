"""What holds results against each other: revisions, reruns, the checks before a merge."""
