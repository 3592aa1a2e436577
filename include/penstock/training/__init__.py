"""From what people said to examples that a model can be tuned on: grouped, split without a leak, frozen."""
