"""Official metrics, one file per dataset: pure functions of predictions and annotations."""
