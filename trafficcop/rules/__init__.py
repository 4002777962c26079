"""The rule language: text to tree, tree to matchers."""
