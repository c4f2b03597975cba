"""The study of networks that emulate hidden Markov models, and of the mechanism in them."""
