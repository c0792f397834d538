"""The five modes, one module each. A pane knows how to show itself, what its actions do, and nothing of the others."""
