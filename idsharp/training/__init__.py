"""Training one network on one training set."""
