"""Do not collect the fifth recipe: its files change the registry when they are imported."""

collect_ignore = ["fifth"]
