"""What the command line tells about data and environments: whether they are in order, and whether they can be gamed."""
