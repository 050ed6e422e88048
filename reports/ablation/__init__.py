"""An ablation as tables, a heat map and Markdown."""
